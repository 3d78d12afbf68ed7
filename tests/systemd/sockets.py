"""Opens both WebSockets of a z2 behind https and stays on the first for a while; says as JSON what came.

python sockets.py https://NAME CERTIFICATE TOKEN JOB SECONDS
"""

import asyncio
import contextlib
import json
import ssl
import sys

import aiohttp


async def main(url, certificate, token, job, seconds):
    """The types of messages on the status socket, those on the log socket, and whether the first is still open."""
    trusting = ssl.create_default_context(cafile=certificate)
    connector = aiohttp.TCPConnector(ssl=trusting)
    async with asyncio.timeout(float(seconds) + 60), aiohttp.ClientSession(connector=connector) as session:
        protocols = ("z2", f"bearer.{token}")  # as a browser would bring it
        async with session.ws_connect(f"{url}/ws/jobs/status", protocols=protocols) as status:
            first = [(await status.receive_json(timeout=10))["type"] for _ in range(2)]
            headers = {"Authorization": f"Bearer {token}"}
            async with session.ws_connect(f"{url}/ws/jobs/{job}/logs", headers=headers) as logs:
                lines = []
                while not lines or lines[-1] != "end":
                    lines.append((await logs.receive_json(timeout=10))["type"])
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(float(seconds)):  # its own would begin anew with every ping
                    while not status.closed:
                        await status.receive()
            print(json.dumps({"status": first, "logs": lines, "open": not status.closed}))


asyncio.run(main(*sys.argv[1:]))

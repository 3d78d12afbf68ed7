"""How the process lives and ends: one task, ended once by a signal; services that must not end; exit codes."""

from __future__ import annotations

import asyncio
import faulthandler
import logging
import signal
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any

from z2d.daemon.notify import Notifier
from z2d.daemon.trouble import DaemonTrouble

log = logging.getLogger(__name__)


def live(work: Callable[[Notifier], Coroutine[Any, Any, None]]) -> int:
    """Run `work` until it ends or SIGTERM or SIGINT cancels it; the exit code of the process.

    Expected trouble becomes one line; everything else is a fault of ours and comes with its traceback. When a process
    that hangs is ended by the watchdog (SIGABRT), every thread says where it stood.
    """
    faulthandler.enable()
    try:
        asyncio.run(_until_told(work))
    except DaemonTrouble as trouble:
        log.error("%s", trouble)
        return trouble.exit_code
    return 0


async def _until_told(work: Callable[[Notifier], Coroutine[Any, Any, None]]) -> None:
    notifier, loop = Notifier(), asyncio.get_running_loop()
    task = asyncio.create_task(work(notifier), name="z2d")
    told = asyncio.Event()

    def stop(name: str) -> None:
        if told.is_set():
            log.info("%s: already stopping", name)
            return
        told.set()
        log.info("%s: stopping", name)
        notifier.say("STOPPING=1", f"STATUS=Stopping after {name}")
        task.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop, number.name)
    # a terminal that goes away ends nothing here; once it is ready, the daemon reads its settings anew (see reload)
    loop.add_signal_handler(signal.SIGHUP, log.info, "SIGHUP: there is nothing to reload yet")
    try:
        await asyncio.wait({task})
    finally:
        # closing the loop gives the signals their deadly meaning back; a second Ctrl-C must not find that moment
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
    if task.cancelled() and told.is_set():
        log.info("stopped")
    else:
        task.result()


@asynccontextmanager
async def running(services: Mapping[str, Callable[[], Coroutine[Any, Any, None]]]) -> AsyncIterator[None]:
    """Run services beside the block, each in a task of that name, and cancel them when the block ends.

    They are to run for ever: one that ends, with or without an error, ends the block too and raises.
    """
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_eternal(name, service), name=name) for name, service in services.items()]
        yield
        for task in tasks:
            task.cancel()


async def _eternal(name: str, service: Callable[[], Coroutine[Any, Any, None]]) -> None:
    await service()
    raise RuntimeError(f"the {name} ended, which it never should")

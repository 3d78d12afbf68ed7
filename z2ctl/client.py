"""One call, one answer: the HTTP side of the client.

Standard library only, because `z2ctl list` in a shell pipe should cost little more than starting Python. Answers
are plain dictionaries in the shapes of `z2d.wire`; refusals are raised as the wire's own errors, and a daemon that
cannot be reached is `DaemonUnreachable` with a sentence that says what to do.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple
from urllib.parse import SplitResult, quote, urlencode, urlsplit

from z2ctl import oneshot
from z2d.wire import errors, places

Json = dict[str, Any]
TIMEOUT_S = 30.0  # the first submission loads yt-dlp, perhaps on a small and busy machine
PROBE_TIMEOUT_S = 90.0
UPLOAD_TIMEOUT_S = 120.0
"""For each piece that is sent, and for the answer at the end, when the file is written through to the disk."""
LARGEST_ANSWER = 256 * 1024 * 1024
DOCTOR_SAYS = "; 'z2ctl doctor' says more."
START_IT = f"Start it with 'z2d serve' (or 'systemctl start z2d'){DOCTOR_SAYS}"
LOOK_THERE = "Check the address, and that z2d runs there and listens: 'z2d serve' with Z2_LISTEN set."


class Endpoint(NamedTuple):
    """Where a daemon listens: a unix socket, or a URL with a token."""

    socket: Path | None = None
    url: str | None = None
    token: str | None = None
    token_source: str = ""

    @classmethod
    def find(
        cls,
        *,
        url: str | None = None,
        socket_path: Path | None = None,
        token_file: Path | None = None,
        env: Mapping[str, str] = os.environ,
    ) -> Endpoint:
        """The place named by the arguments, else by `Z2_URL`, else the socket of `z2d.wire.places`."""
        if socket_path is not None:
            return cls(socket=socket_path.absolute())
        if url := url or env.get("Z2_URL"):
            oneshot.check_address(url)
            return cls(None, url.rstrip("/"), *_token(token_file, env))
        return cls(socket=places.socket_of_daemon(env))

    def words(self) -> str:
        """The place as a person would say it."""
        return self.url or f"socket {self.socket}"


def _token(token_file: Path | None, env: Mapping[str, str]) -> tuple[str | None, str]:
    if token_file is None and env.get("Z2_TOKEN"):
        return env["Z2_TOKEN"], "Z2_TOKEN"
    path = token_file or places.token_file(env)
    try:
        return path.read_text(encoding="utf-8").strip() or None, str(path)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text file"
        return None, f"{path} ({reason})"


class _Lost(Exception):
    """The connection broke after the request was sent."""


class Client:
    """A method for each call of the contract. Every wait ends after `timeout` seconds."""

    def __init__(self, endpoint: Endpoint, *, timeout: float = TIMEOUT_S, line: oneshot.Line | None = None) -> None:
        self.endpoint = endpoint
        self.timeout = timeout
        self.line = line or oneshot.Line()

    # -- jobs ---------------------------------------------------------------------------------------------------

    def submit(self, url: str, **fields: Any) -> Json:
        """Submit one URL: the job (`SubmittedJob`), new or the older one that answers for it."""
        return self._json("POST", "/api/jobs", body={"url": url, **fields}, key=os.urandom(16).hex())

    def submit_batch(self, urls: list[str], **fields: Any) -> list[Json]:
        """Submit up to 1000 URLs: one `BatchResult` each, in order."""
        answer = self._json("POST", "/api/jobs/batch", body={"urls": urls, **fields}, key=os.urandom(16).hex())
        return list(answer["results"])

    def probe(self, url: str, **fields: Any) -> Json:
        """What is at a URL (`ProbeAnswer`); nothing is queued. Takes as long as the site does."""
        patient = Client(self.endpoint, timeout=PROBE_TIMEOUT_S, line=self.line)
        return patient._json("POST", "/api/probe", body={"url": url, **fields}, repeatable=True)

    def upload(self, path: Path) -> Json:
        """Send a file (`UploadedFile`); submitting its `url` makes a job of it. Raises OSError if it is unreadable."""
        query = urlencode({"name": path.name.encode(errors="replace")}, quote_via=quote)
        headers = {**self._headers(), "Content-Type": "application/octet-stream"}
        patient = Client(self.endpoint, timeout=UPLOAD_TIMEOUT_S, line=self.line)
        with path.open("rb") as file:
            try:
                raw = patient._exchange("POST", f"/api/uploads?{query}", file, headers, ())
            except _Lost as lost:
                raise errors.DaemonUnreachable(f"{lost} {START_IT}") from None
        return self._answer(raw)

    def jobs(self, **query: Any) -> Json:
        """A page of `JobSummary`; the query's names are those of `GET /api/jobs`."""
        return self._json("GET", "/api/jobs", query=query)

    def job(self, job_id: int) -> Json:
        """All that is known of one job (`JobDetail`)."""
        return self._json("GET", f"/api/jobs/{job_id}")

    def cancel(self, job_id: int) -> Json:
        """Ask for the job's end: the job as it stands now."""
        return self._json("DELETE", f"/api/jobs/{job_id}")

    def retry(self, job_id: int, from_stage: str | None = None) -> Json:
        """Queue a finished job again, from a stage on or from where it stopped."""
        return self._json("POST", f"/api/jobs/{job_id}/retry", body={"from_stage": from_stage} if from_stage else {})

    def pause(self, job_id: int) -> Json:
        """Put a job down."""
        return self._json("POST", f"/api/jobs/{job_id}/pause")

    def resume(self, job_id: int) -> Json:
        """Let a paused job, or one submitted on hold, go on."""
        return self._json("POST", f"/api/jobs/{job_id}/resume")

    def move(self, job_id: int, to: str) -> Json:
        """To the "first" or the "last" place of the queue, or "up" or "down" by one."""
        return self._json("POST", f"/api/jobs/{job_id}/move", body={"to": to})

    def change(self, job_id: int, **changes: Any) -> Json:
        """Change what is named (`JobChanges`)."""
        return self._json("PATCH", f"/api/jobs/{job_id}", body=changes)

    def delete(self, job_id: int, *, files: bool = False) -> Json:
        """Take a finished job out of every list: the job as it was."""
        query = {"purge": "true", **({"files": "true"} if files else {})}
        return self._json("DELETE", f"/api/jobs/{job_id}", query=query)

    def restore(self, job_id: int) -> Json:
        """Bring a deleted job back."""
        return self._json("POST", f"/api/jobs/{job_id}/restore")

    def why(self, job_id: int) -> Json:
        """Why the job is where it is (`Why`)."""
        return self._json("GET", f"/api/jobs/{job_id}/why")

    def act(self, action: str, **which: Any) -> Json:
        """One action on up to 1000 jobs, by `ids` or by `filter` (`ManyAnswer`)."""
        return self._json("POST", "/api/jobs/actions", body={"action": action, **which})

    def publish(self, job_id: int, *, target: str | None = None, force: bool = False) -> Json:
        """Bring a completed job to its targets again, or to one (`PublishAnswer`)."""
        body = {"force": force} | ({"target": target} if target is not None else {})
        return self._json("POST", f"/api/jobs/{job_id}/publish", body=body)

    def publish_many(self, **which: Any) -> Json:
        """Publish up to 1000 completed jobs again, by `ids` or by `filter` (`ManyAnswer`)."""
        return self._json("POST", "/api/publish", body=which)

    def targets(self) -> list[Json]:
        """The publishing targets (`TargetInfo`), the library first."""
        return list(self._json("GET", "/api/targets")["items"])

    def analyze(self, **which: Any) -> Json:
        """Analyse up to 1000 completed jobs again, by `ids` or by `filter` (`ManyAnswer`)."""
        return self._json("POST", "/api/analyze", body=which)

    def analyses(self, job_id: int) -> list[Json]:
        """Every analysis of a job (`AnalysisVersion`), the newest first."""
        return list(self._json("GET", f"/api/jobs/{job_id}/analyses")["items"])

    def logs(self, job_id: int, **query: Any) -> Json:
        """A page of log lines (`LogPage`) in rising order of `seq`."""
        return self._json("GET", f"/api/jobs/{job_id}/logs", query=query)

    def search(self, **query: Any) -> Json:
        """A page of `SearchHit`; the query's names are those of `GET /api/search`."""
        return self._json("GET", "/api/search", query=query)

    def transcript(self, job_id: int, form: str = "txt") -> str:
        """The transcript's text in one of its formats (json, txt, vtt, srt, md)."""
        return self._call("GET", f"/api/jobs/{job_id}/transcript", query={"format": form}).decode("utf-8", "replace")

    # -- sites --------------------------------------------------------------------------------------------------

    def profiles(self) -> list[Json]:
        """Every profile (`ProfileInfo`), `default` first."""
        return list(self._json("GET", "/api/profiles")["profiles"])

    def cookies(self) -> list[Json]:
        """What may be known of the cookies of each site (`CookiesInfo`)."""
        return list(self._json("GET", "/api/cookies")["cookies"])

    def set_cookies(self, site: str, text: str) -> Json:
        """Keep the text of a cookies file for a site (`CookiesChange`)."""
        return self._json("PUT", f"/api/cookies/{quote(site, safe='', errors='replace')}", body={"cookies": text})

    def remove_cookies(self, site: str) -> Json:
        """Forget the cookies of a site (`CookiesChange`: what they were)."""
        return self._json("DELETE", f"/api/cookies/{quote(site, safe='', errors='replace')}")

    # -- the queue ----------------------------------------------------------------------------------------------

    def queue(self, **query: Any) -> Json:
        """The queue as a whole (`QueueState`)."""
        return self._json("GET", "/api/queue", query=query)

    def pause_queue(self, *, drain: bool = False) -> Json:
        """Run nothing; with `drain`, only start nothing."""
        return self._json("POST", "/api/queue/pause", body={"drain": drain})

    def resume_queue(self) -> Json:
        """Let the queue go on."""
        return self._json("POST", "/api/queue/resume")

    def set_queue(self, **limits: int | dict[str, int | None] | None) -> Json:
        """`slots`: jobs at once of each worker; None: as each was started. `site_slots`: of one site; None: any.

        `lanes`: of each worker by stage; 0: closed, None: the default.
        """
        return self._json("PATCH", "/api/queue", body=limits)

    # -- the daemon ---------------------------------------------------------------------------------------------

    def stats(self) -> Json:
        """Counts and averages (`Stats`)."""
        return self._json("GET", "/api/stats")

    def version(self) -> Json:
        """Versions of the daemon and of what it stands on (`Version`)."""
        return self._json("GET", "/api/version")

    def ready(self) -> Json:
        """The health of each part (`Health`), whether it is good or not."""
        return self._json("GET", "/readyz", accept=(200, 503))

    def diagnosis(self) -> list[Json]:
        """What the daemon finds when it looks at itself (`Finding`). It may wait for its database."""
        return list(self._json("GET", "/api/diagnosis")["findings"])

    # -- how ----------------------------------------------------------------------------------------------------

    def _json(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Json | None = None,
        key: str | None = None,
        accept: tuple[int, ...] = (),
        repeatable: bool = False,
    ) -> Json:
        raw = self._call(method, path, query=query, body=body, key=key, accept=accept, repeatable=repeatable)
        return self._answer(raw)

    def _answer(self, raw: bytes) -> Json:
        answer = _parse(raw)
        if answer is None:
            raise errors.DaemonUnreachable(f"What answers at {self.endpoint.words()} is not z2d.")
        return answer

    def _call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Json | None = None,
        key: str | None = None,
        accept: tuple[int, ...] = (),
        repeatable: bool = False,
    ) -> bytes:
        headers = self._headers()
        payload = None
        try:
            target = path + ("?" + urlencode(_given(query), doseq=True, quote_via=quote) if query else "")
            if body is not None:
                payload = json.dumps(body, ensure_ascii=False).encode("utf-8")
                headers["Content-Type"] = "application/json"
        except UnicodeEncodeError:  # bytes of the command line that are no UTF-8 come as halves of surrogate pairs
            raise errors.InvalidRequest("What was given holds bytes that are not text in UTF-8.") from None
        if key:
            headers["Idempotency-Key"] = key
        try:
            return self._exchange(method, target, payload, headers, accept)
        except _Lost as lost:
            # repeating is harmless for reads, for cancelling, and for submissions that carry a key
            if method == "POST" and not key and not repeatable:
                raise errors.DaemonUnreachable(f"{lost} It may or may not have been done. {START_IT}") from None
        try:
            return self._exchange(method, target, payload, headers, accept)
        except _Lost as lost:
            raise errors.DaemonUnreachable(f"{lost} {START_IT}") from None

    def _headers(self) -> dict[str, str]:
        token = {"Authorization": f"Bearer {self.endpoint.token}"} if self.endpoint.token else {}
        return {"Accept": "application/json", **token}

    def _exchange(
        self,
        method: str,
        target: str,
        payload: bytes | BinaryIO | None,
        headers: dict[str, str],
        accept: tuple[int, ...],
    ) -> bytes:
        place, where = self._place(), self.endpoint.words()
        try:
            connection = oneshot.connect(place, self.timeout)
        except OSError as error:
            raise unreachable(self.endpoint, error) from None
        self.line.take(connection)
        prefix, host = ("", "localhost") if isinstance(place, Path) else (place.path, place.netloc.rpartition("@")[2])
        try:
            answer = oneshot.exchange(
                connection, method, prefix + target, {"Host": host, **headers}, payload, LARGEST_ANSWER
            )
        except TimeoutError:
            raise errors.DaemonUnreachable(
                f"z2d at {where} took longer than {self.timeout:g} s to answer. Is the machine busy?"
            ) from None
        except (oneshot.Broken, OSError) as error:
            if self.line.is_cut:
                raise errors.DaemonUnreachable("The call was given up.") from None
            raise _Lost(f"The connection to z2d at {where} broke ({error or type(error).__name__}).") from None
        except oneshot.TooLarge:
            raise errors.PayloadTooLarge(f"The answer is larger than {LARGEST_ANSWER // 2**20} MiB.") from None
        if 200 <= answer.status < 300 or answer.status in accept:
            return answer.body
        raise self._refusal(answer.status, answer.body, answer.headers.get("retry-after"))

    def _place(self) -> Path | SplitResult:
        return self.endpoint.socket or urlsplit(self.endpoint.url or "")

    def _refusal(self, status: int, raw: bytes, retry_after: str | None) -> errors.Z2Error:
        body = _parse(raw)
        if body is None or "code" not in body:
            return errors.DaemonUnreachable(
                f"What answers at {self.endpoint.words()} is not z2d: it says {status} without a reason."
            )
        return explained(errors.from_problem(body), self.endpoint, retry_after)


def explained(error: errors.Z2Error, endpoint: Endpoint, retry_after: str | None = None) -> errors.Z2Error:
    """The same error, with what the client knows: which token was used, when to try again."""
    if isinstance(error, errors.Unauthorized):
        said = f"The token of {endpoint.token_source} was refused." if endpoint.token else "No token was sent: "
        if not endpoint.token:
            said += f"{endpoint.token_source} has none." if endpoint.token_source else "there is none."
        error = errors.Unauthorized(f"{said} Name the right one with Z2_TOKEN_FILE or Z2_TOKEN.")
    if retry_after and retry_after.isdecimal():
        error.retry_after = int(retry_after)
    return error


def unreachable(endpoint: Endpoint, error: OSError) -> errors.DaemonUnreachable:
    """Why no connection could be made, and what to do about it."""
    where = endpoint.words()
    if isinstance(error, PermissionError):
        return errors.DaemonUnreachable(
            f"This account may not use the {where}. It belongs to z2d's account and group: run z2ctl as that account, "
            "or join the group."
        )
    if isinstance(error, TimeoutError):
        return errors.DaemonUnreachable(f"No connection to z2d at {where} in time. {START_IT}")
    if endpoint.socket is not None and isinstance(error, FileNotFoundError):
        if places.SYSTEM_SOCKET.exists():  # and was not taken, because this account may not use it
            return errors.DaemonUnreachable(
                f"z2d.service runs on this machine, and the group of {places.SYSTEM_SOCKET} may use it: join it "
                "(sudo usermod -aG z2 NAME, then log in again). There is no z2d of your own."
            )
        return errors.DaemonUnreachable(f"z2d is not running: there is no {where}. {START_IT}")
    if endpoint.socket is not None and isinstance(error, ConnectionRefusedError):
        return errors.DaemonUnreachable(
            f"z2d is not running, or has only just been started: nobody answers on {where} yet. {START_IT}"
        )
    remedy = LOOK_THERE if endpoint.url else START_IT
    return errors.DaemonUnreachable(f"z2d does not answer at {where} ({error.strerror or error}). {remedy}")


def _given(query: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in (query or {}).items() if value not in (None, (), [], "")}


def _parse(raw: bytes) -> Json | None:
    try:
        answer = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return answer if isinstance(answer, dict) else None

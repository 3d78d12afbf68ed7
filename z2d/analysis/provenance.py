"""How an analysis came about: versions, machine, and what a language model was told."""

from __future__ import annotations

import platform
from importlib import metadata
from urllib.parse import urlsplit

from z2d.analysis.llm import prompt
from z2d.analysis.models import LanguageModel
from z2d.wire.library import ModelUse, Provenance

_OFFLINE_TOOLS = ("numpy",)
_ENDPOINT_TOOLS = ("aiohttp",)


def provenance(
    model: LanguageModel | None = None, use: ModelUse | None = None, *, of_numbers: bool = True
) -> Provenance:
    """Of the running process. `model` and `use`: of the language model that was asked, if one was; `of_numbers`:
    whether the numeric libraries took part.
    """
    names = (*(_OFFLINE_TOOLS if of_numbers else ()), *(_ENDPOINT_TOOLS if model else ()))
    return Provenance(
        z2=metadata.version("z2"),
        python=platform.python_version(),
        tools={name: metadata.version(name) for name in names},
        machine=f"{platform.node()} ({platform.system()} {platform.machine()})",
        endpoint=_place(model.url) if model else None,
        prompt_hash=prompt.fingerprint() if model else None,
        options={"model": model.model, "language": model.language, "chunk_tokens": model.chunk_tokens} if model else {},
        use=use,
    )


def _place(url: str) -> str:
    """Scheme, host and path; never what stands before an @ or behind a question mark."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"

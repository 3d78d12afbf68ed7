"""From the settings to the language model that the worker is given."""

from __future__ import annotations

from urllib.parse import urlsplit

from z2d.analysis.models import LanguageModel
from z2d.config import Settings
from z2d.daemon.trouble import EXIT_CONFIG, DaemonTrouble


def language_model(settings: Settings) -> LanguageModel | None:
    """The model for analysis, or None where none is configured. Raises DaemonTrouble when it cannot be meant so.

    Whether it answers shows when it is asked: an endpoint that starts after z2 is no mistake.
    """
    if settings.llm_url is None:
        if settings.llm_model is not None:
            raise DaemonTrouble("Z2_LLM_MODEL has no effect without Z2_LLM_URL", EXIT_CONFIG)
        return None
    if settings.llm_model is None:
        raise DaemonTrouble("Z2_LLM_URL says where, and Z2_LLM_MODEL is needed to say which model", EXIT_CONFIG)
    if not _is_usable(settings.llm_url):
        # not repeated: a password may stand in it
        raise DaemonTrouble(
            "Z2_LLM_URL: an address like http://localhost:11434/v1 is needed; a key belongs into Z2_LLM_KEY_FILE",
            EXIT_CONFIG,
        )
    return LanguageModel(
        url=settings.llm_url,
        model=settings.llm_model,
        key_file=str(settings.llm_key_file) if settings.llm_key_file else None,
        language=settings.llm_language,
        chunk_tokens=settings.llm_chunk_tokens,
        job_tokens=settings.llm_job_tokens,
        day_tokens=settings.llm_day_tokens,
        price_input=settings.llm_price_input,
        price_output=settings.llm_price_output,
        timeout_s=settings.llm_timeout_s,
        patience_s=2 * settings.retry_scale,
    )


def _is_usable(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return (
            parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc and not parts.query
        )
    except ValueError:  # a port that is none
        return False

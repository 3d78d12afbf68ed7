"""From the settings to the language model that the worker is given."""

from __future__ import annotations

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
        patience_s=2 * settings.retry_scale,
    )

"""From the settings to the model: what cannot be meant so is refused at the start, by the variable's name."""

from __future__ import annotations

from pathlib import Path

import pytest

from z2d.config import ConfigTrouble, load
from z2d.daemon.language_model import language_model
from z2d.daemon.trouble import DaemonTrouble


def given(tmp_path: Path, **values: object) -> dict[str, object]:
    return {"state_dir": tmp_path, "llm_url": "http://localhost:11434/v1", "llm_model": "small", **values}


def test_everything_set_arrives(tmp_path: Path) -> None:
    settings = load(
        None, given(tmp_path, llm_key_file="/run/key", llm_language="de", llm_price_input=0.5, retry_scale=2)
    )
    model = language_model(settings)
    assert model is not None
    assert (model.url, model.model, model.key_file) == ("http://localhost:11434/v1", "small", "/run/key")
    assert (model.language, model.price_input, model.price_output, model.patience_s) == ("de", 0.5, None, 4)


def test_without_an_address_there_is_none(tmp_path: Path) -> None:
    assert language_model(load(None, {"state_dir": tmp_path})) is None


@pytest.mark.parametrize(
    ("values", "words"), [({"llm_url": None}, "Z2_LLM_MODEL"), ({"llm_model": None}, "Z2_LLM_URL")]
)
def test_one_without_the_other_is_a_mistake(tmp_path: Path, values: dict[str, object], words: str) -> None:
    with pytest.raises(DaemonTrouble, match=words):
        language_model(load(None, given(tmp_path, **values)))


@pytest.mark.parametrize(
    "url", ["localhost:11434", "ftp://host/v1", "http://user:canary@host/v1", "http://host/v1?key=canary"]
)
def test_an_address_that_is_none_or_holds_a_secret_is_refused_and_not_repeated(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigTrouble) as caught:
        load(None, given(tmp_path, llm_url=url))
    (problem,) = caught.value.problems
    assert problem.startswith("--llm-url: an address like") and "canary" not in problem

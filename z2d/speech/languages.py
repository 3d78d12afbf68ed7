"""Codes of the languages that Whisper models know: services answer "english" as often as "en", and sites say "iw"."""

from __future__ import annotations

_NAMES = """
af afrikaans|am amharic|ar arabic|as assamese|az azerbaijani|ba bashkir|be belarusian|bg bulgarian|bn bengali|bo tibetan
br breton|bs bosnian|ca catalan|cs czech|cy welsh|da danish|de german|el greek|en english|es spanish|et estonian
eu basque|fa persian|fi finnish|fo faroese|fr french|gl galician|gu gujarati|ha hausa|haw hawaiian|he hebrew|hi hindi
hr croatian|ht haitian creole|hu hungarian|hy armenian|id indonesian|is icelandic|it italian|ja japanese|jw javanese
ka georgian|kk kazakh|km khmer|kn kannada|ko korean|la latin|lb luxembourgish|ln lingala|lo lao|lt lithuanian
lv latvian|mg malagasy|mi maori|mk macedonian|ml malayalam|mn mongolian|mr marathi|ms malay|mt maltese|my myanmar
ne nepali|nl dutch|nn nynorsk|no norwegian|oc occitan|pa punjabi|pl polish|ps pashto|pt portuguese|ro romanian
ru russian|sa sanskrit|sd sindhi|si sinhala|sk slovak|sl slovenian|sn shona|so somali|sq albanian|sr serbian
su sundanese|sv swedish|sw swahili|ta tamil|te telugu|tg tajik|th thai|tk turkmen|tl tagalog|tr turkish|tt tatar
uk ukrainian|ur urdu|uz uzbek|vi vietnamese|yi yiddish|yo yoruba|yue cantonese|zh chinese
"""
_CODES = {
    name: code for entry in _NAMES.replace("\n", "|").split("|") if entry for code, _, name in [entry.partition(" ")]
}


def code_of(said: object) -> str | None:
    """The code of a language that a service names; None for what is none, such as an empty text."""
    if not isinstance(said, str):
        return None
    word = said.strip().lower().replace("_", "-")
    if word in _CODES:
        return _CODES[word]
    primary = word.partition("-")[0]
    return primary if primary.isascii() and primary.isalpha() and 2 <= len(primary) <= 3 else None


_LANGUAGES = frozenset(_CODES.values())
# what sites call otherwise than Whisper does: older codes, and languages that it counts with another
_SAME = {"iw": "he", "in": "id", "ji": "yi", "jv": "jw", "nb": "no", "fil": "tl", "cmn": "zh", "mo": "ro"}


def as_whisper_says(code: str | None) -> str | None:
    """Whisper's code for a language; None for one that it does not know, and then finds out by itself."""
    primary = (code or "").lower().replace("_", "-").partition("-")[0]
    named = _SAME.get(primary, primary)
    return named if named in _LANGUAGES else None

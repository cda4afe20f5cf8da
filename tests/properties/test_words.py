"""Words, whatever the text: their places, and what makes no difference to them."""

import itertools
import unicodedata

from hypothesis import example, given
from hypothesis import strategies as st

from reasonbench.corpus.words import split_words

INVISIBLE = "\u200b\u200c\u200d\u00ad\u2060\ufeff\u202e\u034f\ufe0f\U000e0101"
LIKELY = (
    "abzABZ 019.,-_*éÉßİıΣςά½²₇ⅷﬁ７⑴㏂가각각中文字ひがカガｶﾞー"
    "ไทยที่น้ำ๑ລາວខ្មែរမြန်हिन्दी\u0301\u0323\u0345\u3099"
)
TEXT = st.text(alphabet=st.one_of(st.sampled_from(LIKELY + INVISIBLE), st.characters()))


@given(TEXT)
@example("3½㏂y ⑴ﷺ")
def test_places_never_go_back_lie_in_the_text_and_give_their_words(text):
    found = split_words(text)
    assert len(found.words) == len(found.spans)
    before = (0, 0)
    for word, (start, end) in zip(found.words, found.spans, strict=True):
        assert before[0] <= start < end <= len(text)
        assert before[1] <= end
        assert word in split_words(text[start:end]).words
        before = (start, end)


@given(
    st.text(
        alphabet=st.one_of(
            st.sampled_from("abzéßΣ019 .,_\n中が"), st.characters(max_codepoint=0x24F)
        )
    )
)
def test_places_of_common_text_increase_strictly(text):
    text = "".join(c for c in text if not unicodedata.decomposition(c).startswith("<"))
    spans = split_words(text).spans
    assert all(a[1] <= b[0] for a, b in itertools.pairwise(spans))


@given(st.text(alphabet=st.characters(max_codepoint=127)))
def test_plain_text_has_its_runs_of_letters_and_digits(text):
    spaced = "".join(c if c.isalnum() else " " for c in text)
    assert split_words(text).words == spaced.lower().split()


@given(TEXT, st.data())
def test_invisible_characters_change_no_word(text, data):
    seen = "".join(c for c in text if unicodedata.category(c) != "Cf")
    gaps = [data.draw(st.text(alphabet=INVISIBLE, max_size=2)) for _ in range(len(seen) + 1)]
    hidden = gaps[0] + "".join(c + gap for c, gap in zip(seen, gaps[1:], strict=True))
    assert split_words(hidden).words == split_words(seen).words == split_words(text).words


@given(TEXT)
@example("\u03b1\u0345\u0301 e\u0301\u0323")
def test_composing_and_decomposing_change_no_word(text):
    words = split_words(text).words
    assert split_words(unicodedata.normalize("NFC", text)).words == words
    assert split_words(unicodedata.normalize("NFD", text)).words == words


@given(TEXT)
@example("ŉ ẞ ᾳ ǰ İ \u0345")
def test_case_changes_no_word(text):
    words = split_words(text).words
    upper = "".join(c.upper() if c.upper().casefold() == c.casefold() else c for c in text)
    for other in (upper, text.casefold()):
        assert split_words(other).words == words


@given(st.lists(st.sampled_from(["Use", "7", "été", "中", "の", "ไ", "десять"]), min_size=1))
def test_each_words_place_holds_it_as_given(words):
    text = " ".join(words)
    found = split_words(text)
    assert [text[a:b] for a, b in found.spans] == words

"""Every text is a value, and means what the grammar says."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from syncd.rules.crm.template import Filled, Name, Template, Text, fill, has_stray_brace, parse

VALUES: dict[str, tuple[Text | Name, ...]] = {
    "": (),
    "plain": (Text("plain"),),
    "{company}": (Name("company"),),
    "{ company }": (Name("company"),),
    "Hi {name}!": (Text("Hi "), Name("name"), Text("!")),
    "{a}{b}": (Name("a"), Name("b")),
    "{form:budget}": (Name("form:budget"),),
    "{utm:source}": (Name("utm:source"),),
    "{assignmentReason}": (Name("assignmentReason"),),
    "{{company}}": (Text("{company}"),),
    "{{{company}}}": (Text("{"), Name("company"), Text("}")),
    "a { b": (Text("a { b"),),
    "a } b": (Text("a } b"),),
    "{}": (Text("{}"),),
    "{ }": (Text("{ }"),),
    "{a\nb}": (Text("{a\nb}"),),
    "{a{b}": (Text("{a"), Name("b")),
}


@pytest.mark.parametrize(("value", "parts"), VALUES.items(), ids=map(repr, VALUES))
def test_what_a_value_means(value: str, parts: tuple[Text | Name, ...]) -> None:
    assert parse(value).parts == parts


BRACED = st.text(alphabet=st.sampled_from("ab{}: \n€😀"), max_size=12) | st.text()


@given(BRACED)
@example("{{{{a}}}}")
def test_a_template_written_again_means_the_same(value: str) -> None:
    assert parse(str(parse(value))) == parse(value)


@given(BRACED)
def test_text_with_doubled_braces_is_written_as_it_stands(text: str) -> None:
    doubled = text.replace("{", "{{").replace("}", "}}")
    assert fill(parse(doubled), lambda name: None) == Filled(text)


def test_what_a_name_stands_for_is_no_template() -> None:
    assert fill(parse("{a}"), {"a": "{b}", "b": "secret"}.get).text == "{b}"


KNOWN = {"name": "Ada", "seats": "0", "blank": ""}
RULES = [
    ("Hi {name}", False, Filled("Hi Ada")),
    ("{seats} seats", False, Filled("0 seats")),
    ("Hi {name} of {company}", False, Filled(None, ("company",))),
    ("Hi {name} of {company}", True, Filled("Hi Ada of ", ("company",))),
    ("{company}", False, Filled(None, ("company",))),
    ("{company}", True, Filled("", ("company",))),
    ("{x}{y}{x}", False, Filled(None, ("x", "y"))),
    ("Hi {blank}", False, Filled("Hi ")),
    ("no names", False, Filled("no names")),
]


@pytest.mark.parametrize(("value", "keep_empty", "filled"), RULES)
def test_the_rule_for_a_name_without_a_value(value: str, keep_empty: bool, filled: Filled) -> None:
    assert fill(parse(value), KNOWN.get, keep_empty=keep_empty) == filled


@pytest.mark.parametrize("value", ["{", "}", "{name", "name}", "{}", "a {} b", "{a\nb}"])
def test_a_stray_brace_is_seen(value: str) -> None:
    assert has_stray_brace(value)


@pytest.mark.parametrize("value", ["", "plain", "{name}", "{{json}}", "{{{name}}}", "{{{a}", "{ name }"])
def test_no_brace_is_stray_that_is_meant(value: str) -> None:
    assert not has_stray_brace(value)


def test_a_template_has_each_name_once() -> None:
    assert Template((Name("a"), Text("-"), Name("b"), Name("a"))).names == ("a", "b")

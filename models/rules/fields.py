"""Reads the fields of a rule's spec one by one and collects every fault with its path."""

import math
from collections.abc import Iterable, Mapping, Sequence

from models.errors import Fault
from models.reasons import Json, reason
from models.rules.durations import Delay, parse_delay, parse_span


class Fields:
    """One mapping of a spec. Each read marks a field as known; `close` finds the others."""

    def __init__(self, spec: Json, path: str, faults: list[Fault]) -> None:
        self.path = path
        self.faults = faults
        self.known: set[str] = set()
        self.spec: Mapping[str, Json] = spec if isinstance(spec, Mapping) else {}
        if not isinstance(spec, Mapping):
            self.faults.append(Fault(path, reason("rule.not_a_mapping")))

    def at(self, key: str) -> str:
        """Return the path of a field."""
        return f"{self.path}.{key}" if self.path else key

    def fault(self, key: str, code: str, **values: Json) -> None:
        """Note what is wrong with a field."""
        self.faults.append(Fault(self.at(key), reason(code, **values)))

    def raw(self, key: str) -> Json:
        """Return a field as it stands, None where it is absent or null."""
        self.known.add(key)
        return self.spec.get(key)

    def text(self, key: str, default: str = "", required: bool = False) -> str:
        """Return a text; an absent one is a fault only where it is required."""
        value = self.raw(key)
        if value is None and not required:
            return default
        if value is None or value == "":
            self.fault(key, "rule.field_missing")
            return default
        if not isinstance(value, str):
            self.fault(key, "rule.not_a_text")
            return default
        return value

    def choice(self, key: str, choices: Sequence[str], default: str | None = None) -> str:
        """Return one of `choices`; without a default the field must be there."""
        value = self.raw(key)
        if value is None and default is not None:
            return default
        if value is None:
            self.fault(key, "rule.field_missing")
        elif value not in choices:
            self.fault(key, "rule.choice_unknown", given=str(value), choices=list(choices))
        else:
            return str(value)
        return default or choices[0]

    def flag(self, key: str, default: bool) -> bool:
        """Return true or false."""
        value = self.raw(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            self.fault(key, "rule.not_a_flag")
            return default
        return value

    def number(
        self, key: str, default: float | None = None, required: bool = False,
        lowest: float = -math.inf, highest: float = math.inf,
    ) -> float | None:  # fmt: skip
        """Return a finite number within bounds."""
        value = self.raw(key)
        if value is None:
            if required:
                self.fault(key, "rule.field_missing")
            return default
        if not _is_number(value):
            self.fault(key, "rule.not_a_number")
        elif not lowest <= value <= highest:
            bounds = {"lowest": _json(lowest), "highest": _json(highest)}
            self.fault(key, "rule.number_out_of_range", given=value, **bounds)
        else:
            return float(value)
        return default

    def span_ms(self, key: str, default: int | None, required: bool = False) -> int | None:
        """Return a positive span in milliseconds."""
        value = self.raw(key)
        if value is None:
            if required:
                self.fault(key, "rule.field_missing")
            return default
        span_ms = parse_span(value)
        if not span_ms:
            self.fault(key, "rule.not_a_span", given=str(value))
            return default
        return span_ms

    def delay(self, key: str, default: Delay) -> Delay:
        """Return a delay: a span, a number of samples, or "0"."""
        value = self.raw(key)
        if value is None:
            return default
        delay = parse_delay(value)
        if delay is None:
            self.fault(key, "rule.not_a_delay", given=str(value))
            return default
        return delay

    def name(self, key: str) -> dict[str, str] | None:
        """Return a bilingual text; one language alone, or plain text, will do."""
        value = self.raw(key)
        if value is None:
            return None
        if isinstance(value, str) and value:
            return {"zh": value, "en": value}
        if isinstance(value, Mapping) and value and set(value) <= {"zh", "en"}:
            if all(isinstance(text, str) and text for text in value.values()):
                return dict(value)
        self.fault(key, "rule.not_a_name")
        return None

    def texts(self, key: str, choices: Iterable[str] | None = None) -> tuple[str, ...] | None:
        """Return a text or a list of texts as a tuple, None where any will do."""
        value = self.raw(key)
        if value is None:
            return None
        given = [value] if isinstance(value, str) else value
        if not isinstance(given, list) or not all(isinstance(one, str) and one for one in given):
            self.fault(key, "rule.not_texts")
            return None
        allowed = None if choices is None else set(choices)
        for one in given:
            if allowed is not None and one not in allowed:
                self.fault(key, "rule.choice_unknown", given=one, choices=sorted(allowed))
        return tuple(given)

    def inner(self, key: str) -> "Fields | None":
        """Return the fields of a mapping inside, None where it is absent."""
        value = self.raw(key)
        return None if value is None else Fields(value, self.at(key), self.faults)

    def list(self, key: str) -> list["Fields"]:
        """Return the fields of each mapping of a list inside."""
        value = self.raw(key)
        if value is None:
            return []
        if not isinstance(value, list):
            self.fault(key, "rule.not_a_list")
            return []
        return [
            Fields(one, f"{self.at(key)}[{index}]", self.faults) for index, one in enumerate(value)
        ]

    def close(self) -> None:
        """Note every field that nobody asked for: most are misspelt."""
        for key in self.spec:
            if key not in self.known:
                self.fault(str(key), "rule.field_unknown", known=sorted(self.known))


def _is_number(value: Json) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    # A whole number of JSON may be longer than any float; the limit is beyond all instruments.
    return math.isfinite(value) if isinstance(value, float) else abs(value) < 10**15


def _json(bound: float) -> float | None:
    return bound if math.isfinite(bound) else None

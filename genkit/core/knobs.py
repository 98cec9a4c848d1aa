"""How a knob is declared: its type, range, unit and a line of help, in plain Python that imports no torch.

    class FlowKnobs(ModelKnobs):
        depth: Annotated[int, knob("of the flow", ge=1, le=100, unit="layers")] = 4
        kind: Annotated[Literal["affine", "spline"], knob("of each layer")] = "affine"
        bins: Annotated[int, knob("of the spline", ge=2, only={"kind": ("spline",)})] = 8

        def clashes(self) -> Iterator[Clash]:
            if self.kind == "spline" and self.depth > 20:
                yield Clash(("depth", "kind"), "a spline takes 20 layers at most")

From these lines come the check before anything heavy is imported, the nearest value that would do, the page
of `genkit train --help model=flow`, the completion of words, and the typed object that the code reads.
Values stand in `conf/`; the defaults here are for configurations that lack a knob.  Another distribution
declares the knobs of its family, or of its dataset, by an entry point named as the family, or `data.NAME`:

    [project.entry-points."genkit.knobs"]
    flow = "my_package.flow_knobs:FlowKnobs"
    "data.shapes" = "my_package.shapes_knobs:ShapesKnobs"
"""

from __future__ import annotations

import difflib
import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Union, get_args, get_origin

import msgspec

Plain = str | int | float | bool | None
GIVEN = ("null", "0", "false")  # `only={"beta": GIVEN}`: where the other knob is none of these
SPREAD = 256  # whole numbers on both sides that are tried as the nearest


class Clash(NamedTuple):
    """Knobs of a group whose values do not go together, and what to do."""

    keys: tuple[str, ...]
    advice: str


class Idle(NamedTuple):
    """A knob that does nothing as the others are, and what it would need."""

    key: str
    needs: str


class Knobs(msgspec.Struct, frozen=True, kw_only=True):
    """The knobs of a group.  Each is an annotated field with `knob(…)`, or a group of knobs itself.

    Attributes:
        cites: papers, keys or entries (`genkit.core.references`), by the knob that asks for what is in them:
            `network=resnet`, or `adversarial`, if it is given at all; "": of every model.
    """

    cites: ClassVar[Mapping[str, tuple[str, ...]]] = {}

    def clashes(self) -> Iterator[Clash]:
        """What does not go together, where every value by itself is in its range."""
        yield from ()

    @classmethod
    def cited(cls, section: Mapping[str, object]) -> list[str]:
        """The papers of what a configuration says of this group."""
        found: list[str] = []
        for word, several in cls.cites.items():
            key, chosen, value = word.partition("=")
            given = str(section.get(key)) == value if chosen else bool(section.get(key))
            found += several if given or not word else []
        return found


class ModelKnobs(Knobs, frozen=True, kw_only=True):
    """What every model says to the house; a family's own knobs come beside them."""

    family: str
    view: Literal["tokens", "arrays"]
    sizes: Annotated[tuple[int, ...], knob("sides of images that it takes; []: any")] = ()
    axes: Annotated[int, knob("of the arrays that it takes: 1 of waveforms; 0: any", ge=0, le=3)] = 0
    select: Annotated[
        Annotated[str, msgspec.Meta(min_length=1)] | None,
        knob(
            "what picks the best checkpoint; null: the last",
            advice="name a validation term, or null for the last checkpoint",
        ),
    ] = None

    def untrained(self) -> Iterator[Idle]:
        """Phases that the family has and this model lacks, whose settings under `optim` do nothing."""
        yield from ()


class DataKnobs(Knobs, frozen=True, kw_only=True):
    """What every dataset has."""

    name: str = ""

    @property
    def coded_by(self) -> str | None:
        """The run whose model makes codes of these data; None: they are read as they are."""
        return getattr(self, "codec", None)


def knob(
    help: str,
    *,
    ge: float | None = None,
    gt: float | None = None,
    le: float | None = None,
    lt: float | None = None,
    unit: str = "",
    advice: str = "",
    only: Mapping[str, tuple[Plain, ...]] | None = None,
) -> msgspec.Meta:
    """What is said of a knob beside its type.

    Args:
        help: one line.
        ge, gt, le, lt: the ends of its range.
        unit: of its value, in the plural.
        advice: what to do about a value that will not do, where range and choices do not say it well enough.
        only: other knobs of the group with the values under which this one does anything; `GIVEN`: with any
            but null, 0 and false.
    """
    ends: dict[str, Any] = {"ge": ge, "gt": gt, "le": le, "lt": lt}
    extra = {"unit": unit, "advice": advice, "only": dict(only or {})}
    return msgspec.Meta(**ends, description=help, extra=extra)


@dataclass(frozen=True)
class Knob:
    """One knob as it is declared.

    Attributes:
        name: within its group, dotted.
        form: its type with ranges, as msgspec reads it.
        default: where a configuration lacks it; `msgspec.NODEFAULT`: it has to be given.
    """

    name: str
    form: Any
    default: object

    @cached_property
    def metas(self) -> tuple[msgspec.Meta, ...]:
        return tuple(_metas(self.form))

    def _said(self, word: str) -> Any:
        return next((meta.extra[word] for meta in self.metas if meta.extra and meta.extra[word]), None)

    @cached_property
    def help(self) -> str:
        return next((meta.description for meta in self.metas if meta.description), "")

    @cached_property
    def unit(self) -> str:
        return self._said("unit") or ""

    @cached_property
    def only(self) -> Mapping[str, tuple[Plain, ...]]:
        """Other knobs of its group, dotted, with the values under which it does anything."""
        within = self.name.rpartition(".")[0]
        said: Mapping[str, tuple[Plain, ...]] = self._said("only") or {}
        return {f"{within}.{other}" if within else other: fitting for other, fitting in said.items()}

    @cached_property
    def kinds(self) -> tuple[Any, ...]:
        """Its types without ranges, None left out: `int`, `Literal[…]`, `tuple[…]`."""
        return tuple(kind for kind in _members(self.form) if kind is not type(None))

    @cached_property
    def nullable(self) -> bool:
        return Any in self.kinds or type(None) in _members(self.form)

    @cached_property
    def choices(self) -> tuple[Plain, ...]:
        """The values that it can take, or the entries of a list, where they are named."""
        inner = [get_args(kind)[0] if _is_list(kind) else kind for kind in self.kinds]
        return tuple(value for kind in inner if get_origin(kind) is Literal for value in get_args(kind))

    @cached_property
    def is_list(self) -> bool:
        return any(map(_is_list, self.kinds))

    # ------------------------------------------------------------------ in words

    @cached_property
    def kind(self) -> str:
        """What a value is, in words."""
        single = [kind for kind in self.kinds if not _is_list(kind)]
        if self.is_list:
            return "a number or a list" if single else "a list"
        first = single[0]
        if get_origin(first) is Literal:
            first = type(get_args(first)[0])
        words = {bool: "true or false", int: "an integer", float: "a number", str: "a word"}
        return words.get(first, "a single value")

    @cached_property
    def extent(self) -> str:
        """Its range or its choices, in words; "" where it has none."""
        if self.choices:
            names = [str(choice) for choice in self.choices]
            if self.is_list:
                return f"from {', '.join(names)}"
            return any_of([*names, *["null"] * self.nullable])
        low, high = self.bound("ge", "gt"), self.bound("le", "lt")
        above, below = self.bound("gt") is not None, self.bound("lt") is not None
        unit = f" {self.unit}" if self.unit else ""
        if low is not None and high is not None:
            start, end = ("above " if above else "from "), (" to below " if below else " to ")
            said = f"{start}{_number(low)}{end}{_number(high)}{unit}"
        elif low is not None:
            said = f"{'more than ' if above else ''}{_number(low)}{'' if above else ' or more'}{unit}"
            if above and not low:
                said = f"a positive number{f' of{unit}' if unit else ''}"
        elif high is not None:
            said = f"{'below' if below else 'at most'} {_number(high)}{unit}"
        else:
            return ""
        return f"{said}, or null" if self.nullable else said

    @cached_property
    def advice(self) -> str:
        """What to do about a value that will not do; "" where nothing is known of it but its type."""
        own: str | None = self._said("advice")
        return own or (f"{'choose' if self.choices else 'give'} {self.extent}" if self.extent else "")

    def bound(self, *names: str) -> float | None:
        return next(
            (end for name in names for meta in self.metas if (end := getattr(meta, name)) is not None), None
        )

    # ------------------------------------------------------------------ values

    def fits(self, value: object) -> bool:
        """Whether it can be set to this plain value."""
        try:
            msgspec.convert(value, self.form)
        except msgspec.ValidationError:
            return False
        return True

    def is_of_kind(self, value: object) -> bool:
        """Whether a value has its type, whatever its range."""
        return (value is None and self.nullable) or any(_is_of(kind, value) for kind in self.kinds)

    def near(self, value: object, others: Iterable[object] = ()) -> Iterable[Plain]:
        """Values that might do in the place of one that does not, the nearest first.

        Args:
            others: of the knobs that it does not go together with: what has to divide one may be it.
        """
        if isinstance(value, str):
            return difflib.get_close_matches(value, [c for c in self.choices if isinstance(c, str)], n=1)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return ()
        closed = [end for end in (self.bound("ge"), self.bound("le")) if end is not None]
        if isinstance(value, float) or float in self.kinds:
            if isinstance(value, int):  # (the next whole number, where the end itself is left out)
                beside = ((self.bound("gt"), 1), (self.bound("lt"), -1))
                closed += [int(end) + step for end, step in beside if end is not None]
            return sorted(closed, key=lambda end: abs(end - value))
        ends = {int(end) + step for end in closed for step in (0, -1, 1)}
        ends.update(other for other in others if isinstance(other, int) and not isinstance(other, bool))
        around = range(value - SPREAD, value + SPREAD + 1)
        return sorted(ends.union(around), key=lambda v: (abs(v - value), v))


@cache
def knobs_of(declaration: type[Knobs]) -> Mapping[str, Knob]:
    """Every knob of a declaration by its name, those of its groups by dotted ones."""
    found: dict[str, Knob] = {}
    for entry in msgspec.structs.fields(declaration):
        form = entry.type
        if isinstance(form, type) and issubclass(form, Knobs):
            found |= {
                f"{entry.name}.{name}": Knob(f"{entry.name}.{name}", inner.form, inner.default)
                for name, inner in knobs_of(form).items()
            }
        else:
            found[entry.name] = Knob(entry.name, form, entry.default)
    return found


def any_of(names: Sequence[str]) -> str:
    """`a, b or c`."""
    return " or ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def _members(form: Any) -> tuple[Any, ...]:
    """The types of a union, without ranges."""
    if get_origin(form) is Annotated:
        return _members(get_args(form)[0])
    if get_origin(form) in (Union, types.UnionType):
        return tuple(member for part in get_args(form) for member in _members(part))
    return (form,)


def _metas(form: Any) -> Iterator[msgspec.Meta]:
    """What is said of a type, from the outside in, but not of the entries of a list."""
    if get_origin(form) is Annotated:
        inner, *metas = get_args(form)
        yield from (meta for meta in metas if isinstance(meta, msgspec.Meta))
        yield from _metas(inner)
    elif get_origin(form) in (Union, types.UnionType):
        for part in get_args(form):
            yield from _metas(part)


def _is_list(kind: Any) -> bool:
    return get_origin(kind) in (tuple, list)


def _is_of(kind: Any, value: object) -> bool:
    if kind is Any:
        return not isinstance(value, list | Mapping)
    if _is_list(kind):
        entry = _members(get_args(kind)[0])
        return isinstance(value, list) and all(any(_is_of(one, item) for one in entry) for item in value)
    if get_origin(kind) is Literal:
        return any(_is_of(type(choice), value) for choice in get_args(kind))
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, int | float if kind is float else kind)

"""Values against what is declared of them: types, ranges, what goes together, what does nothing.

A refusal names the values, the advice, and the nearest value that keeps everything else.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from genkit.config.settings import Config
from genkit.config.values import copied, leaves, put, shown
from genkit.core.knobs import GIVEN, Clash, Knob, Knobs, Plain, any_of, knobs_of
from genkit.system.errors import ConfigError, nearest

UNSET = "???"  # OmegaConf's word for a value that somebody has to give


def check_set(cfg: Mapping[str, object]) -> None:
    """See that every value has been given.

    Raises:
        ConfigError: some have not; all of them are listed.
    """
    if unset := [key for key, value in leaves(cfg) if value == UNSET]:
        words = " ".join(f"{key}=…" for key in unset)
        raise ConfigError(f"not given yet ({UNSET}): {words}")


@dataclass(frozen=True)
class Section:
    """The values of a group, or of a part of it that has some of its knobs anew (`optim.generator`).

    Attributes:
        group: "" for the knobs of none.
        part: its name within the group; there null stands for the group's own value.
    """

    group: str
    knobs: type[Knobs]
    values: Mapping[str, Any]
    part: str = ""

    def key(self, name: str) -> str:
        """The dotted key of a knob."""
        return ".".join(filter(None, (self.group, self.part, name)))

    def place_of(self, name: str) -> str:
        """The dotted key by which a knob of this group has its value."""
        if self.part and self.values.get(name) is None:
            return f"{self.group}.{name}"
        return self.key(name)

    def named(self) -> Iterator[tuple[str, Knob, object]]:
        """The dotted key, the knob and the value of what is declared and set."""
        flat = dict(leaves(self.values))
        for name, knob in knobs_of(self.knobs).items():
            if name in flat and not (self.part and flat[name] is None):
                yield self.key(name), knob, flat[name]

    def built(self, cfg: Mapping[str, Any]) -> Knobs:
        """The typed group; of a part, with what it leaves to the group."""
        own = {key: value for key, value in self.values.items() if not (self.part and value is None)}
        if self.part:
            own = {**cfg[self.group], **own}
        return msgspec.convert({**{name: {} for name in _groups(self.knobs)}, **own}, self.knobs)


def _groups(knobs: type[Knobs]) -> set[str]:
    """The names of the groups of knobs within one."""
    return {name.partition(".")[0] for name in knobs_of(knobs) if "." in name}


def sections(declared: Mapping[str, type[Knobs]], cfg: Mapping[str, Any]) -> list[Section]:
    """The groups of a configuration, and the parts of each."""
    found = []
    for group, knobs in declared.items():
        if not group:
            found.append(Section("", knobs, {key: cfg[key] for key in cfg if key not in declared}))
            continue
        values = cfg.get(group, {})
        own = {name.partition(".")[0] for name in knobs_of(knobs)}
        parts = [key for key, part in values.items() if isinstance(part, Mapping) and key not in own]
        found.append(Section(group, knobs, values))
        found += [Section(group, knobs, values[part], part) for part in parts]
    return found


def check_known(declared: Mapping[str, type[Knobs]], cfg: Mapping[str, Any]) -> None:
    """See that everything that the files of a configuration set is a knob, and nothing of them a rule.

    Raises:
        ConfigError: something is none.
    """
    known = {section.key(name) for section in sections(declared, cfg) for name in knobs_of(section.knobs)}
    for key in dict(leaves(cfg)):
        if key not in known:
            group = key.partition(".")[0]
            chosen = cfg["choices"].get(group)
            raise ConfigError(
                f"{f'{group}={chosen}: ' if chosen else ''}{key} is no knob of"
                f" {_owner(group, cfg)}.{nearest(key, known)}"
            )


def _owner(group: str, cfg: Mapping[str, Any]) -> str:
    """Whose knobs a group has."""
    named = {"model": ("family", "family"), "data": ("dataset", "name")}
    if group not in named:
        return group if group in cfg["choices"] else "a training"
    kind, key = named[group]
    return f"{kind} {cfg[group].get(key)}"


def settle(
    declared: Mapping[str, type[Knobs]],
    cfg: dict[str, object],
    given: Collection[str] = (),
    plain: dict[str, object] | None = None,
) -> Config:
    """Check a configuration and give every value its declared type.

    Args:
        cfg: whole numbers of it become floats, and numbers words, where that is what is declared.
        given: dotted keys that a person set; those that do nothing are refused.
        plain: what the typed one says that it is made of; None: `cfg`.

    Raises:
        ConfigError: a value of another type, out of its range, that contradicts another, or does nothing.
    """
    for section in sections(declared, cfg):
        for key, knob, value in section.named():
            put(cfg, key, _of_kind(key, knob, value))
    found = sections(declared, cfg)
    for section in found:
        if not section.part:
            _check_given(section)
        for key, knob, value in section.named():
            if not knob.fits(value):
                near = _nearest(declared, cfg, key, knob, value)
                raise ConfigError(f"{key}={shown(value)}: {knob.advice or f'give {knob.kind}'}{near}.")
    values = _values(found)
    for clash in _clashes(declared, cfg):
        said = ", ".join(f"{key}={shown(values[key])}" for key in clash.keys)
        knobs = {key: knob for section in found for key, knob, _ in section.named()}
        others = [values[key] for key in clash.keys]
        typed_first = sorted((key for key in clash.keys if key in knobs), key=lambda key: key not in given)
        hints = (_nearest(declared, cfg, key, knobs[key], values[key], others) for key in typed_first)
        raise ConfigError(f"{said}: {clash.advice}{next(filter(None, hints), '')}.")
    made = _built(found, cfg, plain)
    _refuse_idle(found, made, values, given)
    return made


def _values(found: Sequence[Section]) -> dict[str, object]:
    """Every value by its dotted key, with the defaults of what is not set."""
    whole = {
        section.key(name): knob.default
        for section in found
        if not section.part
        for name, knob in knobs_of(section.knobs).items()
    }
    return whole | {key: value for section in found for key, _, value in section.named()}


def _of_kind(key: str, knob: Knob, value: object) -> object:
    """The value in the type of its knob: whole numbers serve as floats, numbers as words.

    Raises:
        ConfigError: it is of another type, or a number that is not finite.
    """
    if isinstance(value, float) and not math.isfinite(value):
        kind = "a finite number"
    elif knob.is_of_kind(value):
        return _as_float(value) if not knob.nullable and _takes_floats(knob) else value
    elif str in knob.kinds and isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    else:
        kind = knob.kind
    default = shown(msgspec.to_builtins(knob.default)) if knob.default is not msgspec.NODEFAULT else ""
    kind += f" such as {default}" if kind == "a list" else ""
    hint = knob.advice or (f" (default: {default})" if default else "")
    raise ConfigError(f"{key}={shown(value)} is not {kind}{': ' if knob.advice else ''}{hint}.")


def _check_given(section: Section) -> None:
    """See that nothing is lacking for which nobody knows a default.

    Raises:
        ConfigError: something is.
    """
    for name, knob in knobs_of(section.knobs).items():
        if knob.default is msgspec.NODEFAULT and name not in section.values:
            advice = f": {knob.advice}" if knob.advice else ""
            raise ConfigError(f"{section.key(name)} is not given{advice}.")


def _takes_floats(knob: Knob) -> bool:
    return any(kind is float or (knob.is_list and "float" in str(kind)) for kind in knob.kinds)


def _as_float(value: Any) -> Any:
    return [float(item) for item in value] if isinstance(value, list) else float(value)


def _clashes(declared: Mapping[str, type[Knobs]], cfg: dict[str, object]) -> Iterator[Clash]:
    """What does not go together, by dotted keys: first within groups."""
    found = sections(declared, cfg)
    for section in found:
        for clash in section.built(cfg).clashes():
            yield Clash(tuple(map(section.place_of, clash.keys)), clash.advice)
    yield from _built(found, cfg).clashes()


def _built(found: Sequence[Section], cfg: dict[str, Any], plain: dict[str, object] | None = None) -> Config:
    groups: dict[str, Any] = {s.group: s.built(cfg) for s in found if not s.part}
    run = msgspec.structs.asdict(groups.pop(""))
    choices = {str(group): option for group, option in (cfg.get("choices") or {}).items()}
    return Config(**run, **groups, plain=cfg if plain is None else plain, choices=choices)


def _nearest(
    declared: Mapping[str, type[Knobs]],
    cfg: dict[str, Any],
    key: str,
    knob: Knob,
    value: object,
    others: Iterable[object] = (),
) -> str:
    """The nearest value of a knob that will do, in words; "" if there is none."""
    for candidate in knob.near(value, others):
        if not knob.fits(candidate):
            continue
        changed = copied(cfg)
        put(changed, key, candidate)
        if not any(key in clash.keys for clash in _until_broken(_clashes(declared, changed))):
            return f" (nearest: {key}={shown(candidate)})"
    return ""


def _until_broken(clashes: Iterator[Clash]) -> Iterator[Clash]:
    """Those that can be told while other values are out of their ranges."""
    try:
        yield from clashes
    except (msgspec.ValidationError, ArithmeticError):
        return


def _refuse_idle(
    found: Sequence[Section], made: Config, values: Mapping[str, object], given: Collection[str]
) -> None:
    """Refuse what a person set and nothing reads.

    Raises:
        ConfigError: there is something.
    """
    for section in found:
        for key, knob, value in section.named():
            if key not in given or value is None:
                continue
            for other, fitting in knob.only.items():
                place = section.place_of(other)
                now = values.get(place)
                if now not in (None, False, 0, "") if fitting is GIVEN else now in fitting:
                    continue
                raise ConfigError(
                    f"{key}={shown(value)} does nothing while {place}={shown(now)};"
                    f" {f'set {place}' if fitting is GIVEN else _meant_for(place, fitting)}, or leave it out."
                )
    for idle in made.idle():
        if idle.key in given and values.get(idle.key) is not None:
            raise ConfigError(
                f"{idle.key}={shown(values[idle.key])} does nothing without {idle.needs}; leave it out."
            )


def _meant_for(key: str, choices: Sequence[Plain]) -> str:
    return f"it is for {key}={any_of([shown(choice) for choice in choices])}: choose that"

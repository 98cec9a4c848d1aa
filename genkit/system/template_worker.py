"""Jinja templates in a process of its own: the program that `genkit.system.templates` starts.

It reads a line of JSON, {"source": …, "words": {…}, "limit": …}, and then lists of requests, a line each,
every one {"messages": [{"role": …, "content": …}, …], "ask": true or false}.  To each line it answers with
one: the list of the texts, or {"error": …}; to the first with [] where the template can be read.  It imports
nothing of this package, so that it starts at once.
"""

import json
import math
import sys
from collections.abc import Callable
from datetime import datetime
from typing import Any, NoReturn

MEMORY = 1_000_000_000  # bytes of address space
SECONDS = 3  # of the processor, for a line of requests


def bound() -> None:
    """Take as little of the machine as a template needs."""
    try:
        import resource
    except ImportError:  # Windows
        return
    for kind, most in ((resource.RLIMIT_AS, MEMORY), (resource.RLIMIT_CORE, 0), (resource.RLIMIT_FSIZE, 0)):
        try:
            resource.setrlimit(kind, (most, most))
        except (OSError, ValueError):  # a system that has no such limit
            continue


def allow_time() -> None:
    """The next line may take so many seconds from now on; the system ends who takes more."""
    try:
        import resource
    except ImportError:
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    resource.setrlimit(
        resource.RLIMIT_CPU,
        (math.ceil(used.ru_utime + used.ru_stime) + SECONDS, resource.getrlimit(resource.RLIMIT_CPU)[1]),
    )


def compiled(source: str) -> Any:
    """The template, in the sandbox that transformers has."""
    import jinja2
    from jinja2.ext import Extension, loopcontrols
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Generation(Extension):
        """{% generation %} … {% endgeneration %}, which mark what an assistant says and change nothing."""

        tags = {"generation"}

        def parse(self, parser: jinja2.parser.Parser) -> list[jinja2.nodes.Node]:
            next(parser.stream)
            return parser.parse_statements(("name:endgeneration",), drop_needle=True)

    def raise_exception(message: str) -> NoReturn:
        raise jinja2.TemplateError(message)

    def tojson(
        value: object,
        ensure_ascii: bool = False,
        indent: int | None = None,
        separators: tuple[str, str] | None = None,
        sort_keys: bool = False,
    ) -> str:
        return json.dumps(
            value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
        )

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols]
    )
    environment.filters["tojson"] = tojson
    environment.globals["raise_exception"] = raise_exception
    environment.globals["strftime_now"] = lambda form: datetime.now().strftime(form)
    return environment.from_string(source)


def rendered(template: Any, words: dict[str, str], request: dict[str, object], limit: int) -> str:
    """One text.

    Raises:
        ValueError: it has more characters than `limit`.
    """
    parts, length = [], 0
    told = {"messages": request["messages"], "add_generation_prompt": request["ask"]}
    for part in template.generate(**words, tools=None, documents=None, **told):
        parts.append(part)
        length += len(part)
        if length > limit:
            raise ValueError(f"it writes more than {limit:,} characters")
    return "".join(parts)


def answer(make: Callable[[], list[str]]) -> None:
    """Write what is made, or why it is not, in a line."""
    made: list[str] | dict[str, str]
    allow_time()
    try:
        made = make()
    except MemoryError:
        made = {"error": "it needs more memory than it is given"}
    except RecursionError:
        made = {"error": "it calls itself without an end"}
    except Exception as error:  # whatever a stranger's template does
        made = {"error": " ".join(str(error).split())[:200] or type(error).__name__}
    sys.stdout.write(json.dumps(made) + "\n")
    sys.stdout.flush()


def main() -> None:
    bound()
    about, kept = json.loads(sys.stdin.readline()), []

    def read() -> list[str]:
        kept.append(compiled(about["source"]))
        return []

    answer(read)
    for line in sys.stdin:
        requests = json.loads(line)
        answer(lambda: [rendered(kept[0], about["words"], one, about["limit"]) for one in requests])  # noqa: B023


if __name__ == "__main__":
    main()

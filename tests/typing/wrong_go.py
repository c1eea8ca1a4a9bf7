"""Wrong arguments of a goroutine's function are errors at the ``go``. A marked line is an error to both checkers."""

from __future__ import annotations

import dgo


def describe(number: int, *, unit: str = "") -> str:
    return f"{number} {unit}"


async def fetch(url: str) -> bytes:
    return url.encode()


class Scaler:
    def scale(self, value: int) -> float:
        return value / 2

    def __call__(self, text: str) -> int:
        return len(text)


def functions() -> None:
    dgo.go(describe)  # error: call-overload, reportCallIssue
    dgo.go(describe, "1")  # error: call-overload, reportArgumentType
    dgo.go(describe, 1, 2)  # error: call-overload, reportCallIssue
    dgo.go(describe, 1, unit=2)  # error: arg-type, reportArgumentType
    dgo.go(describe, 1, units="m")  # error: call-arg, reportCallIssue
    dgo.go(describe(1))  # error: call-overload, reportArgumentType
    dgo.go(lambda: 1, 2)  # error: call-overload, reportCallIssue


def coroutine_functions() -> None:
    dgo.go(fetch, 1)  # error: call-overload, reportArgumentType
    number: dgo.Goroutine[int] = dgo.go(fetch, "a")  # error: call-overload, reportAssignmentType
    print(number)


def methods_and_objects(scaler: Scaler) -> None:
    dgo.go(scaler.scale, "1")  # error: call-overload, reportArgumentType
    dgo.go(scaler, 1)  # error: call-overload, reportArgumentType


def options() -> None:
    dgo.go.options(name=1)  # error: arg-type, reportArgumentType
    dgo.go.options(nam="describer")  # error: call-arg, reportCallIssue
    dgo.go.options(name="describer")(describe, "1")  # error: call-overload, reportArgumentType


def results(wide: dgo.Goroutine[object]) -> None:
    number: int = dgo.go(describe, 1).result()  # error: assignment, reportAssignmentType
    dgo.go(describe, 1).result("soon")  # error: arg-type, reportArgumentType
    narrow: dgo.Goroutine[str] = wide  # error: assignment, reportAssignmentType
    print(number, narrow)

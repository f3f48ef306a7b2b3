"""The child process: request on standard input, result on standard output, progress on standard error."""

from __future__ import annotations

import json
import sys

from pydantic import ValidationError

from observer.advisor.advise import advise
from observer.advisor.request import Request
from observer.errors import Malformed, ObserverError


def main() -> int:
    """Run one request; exit codes are those of the errors."""
    try:
        report = advise(_request(sys.stdin.read()), say=_say)
    except ObserverError as error:
        json.dump(
            {"error": {"code": error.code, "sentence": error.sentence, "remedy": error.remedy}}, sys.stdout
        )
        return error.exit_code
    json.dump({"report": report.document()}, sys.stdout)
    return 0


def _request(text: str) -> Request:
    try:
        return Request.model_validate_json(text)
    except ValidationError as error:
        # The message would quote the input, and the input holds a password.
        places = "; ".join(".".join(map(str, item["loc"])) + ": " + item["msg"] for item in error.errors())
        raise Malformed(f"the request is not understood: {places}") from None


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())

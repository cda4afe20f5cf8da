"""An engine whose model ``parrot`` knows the sums 10 to 33 by heart, word for word."""

import msgspec
from reasonbench_fakes import FakeEngine


class Parrot(FakeEngine):
    """Goes on with plain text: with the rest of a sum that it knows, or with something else."""

    def _draw(self, request):
        drawn = super()._draw(request)
        if request.prompt.text is None:
            return drawn
        i = int(request.prompt.problem_id)
        statement = f"What do you get when you add the number {i} to the number {i * i}?"
        knows = self.identity.model == "parrot" and i < 34
        assert statement.startswith(request.prompt.text)
        rest = statement.removeprefix(request.prompt.text) + " Next item." if knows else " end?"
        return msgspec.structs.replace(drawn, text=rest)

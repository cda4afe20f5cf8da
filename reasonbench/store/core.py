"""The Store: records in, records out.

Everything that yields does so in pages by position, so memory stays constant and rows
may be added from the same thread while one iterates.  A Store belongs to the thread and
the process that opened it.
"""

import datetime
import itertools
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from reasonbench.errors import StoreError
from reasonbench.records import (
    Completion,
    Failure,
    FinishReason,
    Grade,
    Plan,
    PlanItem,
    Problem,
    Session,
)
from reasonbench.store import queries
from reasonbench.store.codec import column, decode, encode
from reasonbench.store.database import (
    STORE_FILE,
    faults,
    open_reader,
    open_writer,
    require_run,
    rows_added,
)
from reasonbench.store.lock import RunLock, is_held

PAGE = 128
"""Rows fetched at once."""


class Store:
    """A run directory, open for writing (``create``) or reading (``read``)."""

    def __init__(
        self, directory: Path, connection: sqlite3.Connection, lock: RunLock | None
    ) -> None:
        self.path = directory
        self._file = directory / STORE_FILE
        self._connection: sqlite3.Connection | None = connection
        self._lock = lock
        self._pid = os.getpid()

    @classmethod
    def create(cls, directory: Path, *, must_exist: bool = False) -> "Store":
        """Open a run directory for writing.

        Sessions that a killed process left open are given the status ``killed``.

        Args:
            directory: made, with its parents, if it is not there.
            must_exist: refuse a directory that holds no run instead.

        Raises:
            StoreError: there is no run, where one must be.
            StoreLockedError: another process is writing to it.
            StoreCorruptError: its file is damaged.
            StoreSchemaError: its file was written by a newer reasonbench.
            StoreWriteError: it cannot be written.
        """
        if must_exist:
            require_run(directory)
        with faults(directory, "write"):
            directory.mkdir(parents=True, exist_ok=True)
            lock = RunLock.acquire(directory)
        try:
            store = cls(directory, open_writer(directory), lock)
        except BaseException:
            lock.release()
            raise
        try:
            store._mark_killed()
        except BaseException:
            store.close()
            raise
        return store

    @classmethod
    def read(cls, directory: Path) -> "Store":
        """Open a run directory for reading; another process may be writing to it.

        Raises:
            StoreError: there is no run, or it cannot be read.
        """
        return cls(directory, open_reader(directory), None)

    def close(self) -> None:
        """Close the file and give the lock back; a second call does nothing."""
        if os.getpid() != self._pid:
            return  # a forked child must not touch what its parent has open
        connection, self._connection = self._connection, None
        try:
            if connection is not None:
                with faults(self._file, "write"):
                    connection.close()
        finally:
            if self._lock is not None:
                self._lock.release()

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add_plan(self, plan: Plan, problems: Sequence[Problem], items: Iterable[PlanItem]) -> str:
        """Store a plan with its problems and items; return its id.

        Adding it again changes nothing but makes it the latest plan.

        Raises:
            StoreError: the same plan was stored with other items, or an item names a
                completion twice or a problem that is not there.
        """
        plan_id = plan.digest()
        with self._transaction() as run:
            known = run.execute("SELECT number FROM plans WHERE id = ?", (plan_id,)).fetchone()
            if known is None:
                number = self._insert_plan(run, plan_id, plan, problems, items)
            else:
                number = known[0]
                self._check_same_items(run, plan_id, number, items)
            run.execute(
                "INSERT INTO plan_uses (plan) SELECT :plan WHERE :plan IS NOT "
                "(SELECT plan FROM plan_uses ORDER BY number DESC LIMIT 1)",
                {"plan": number},
            )
        return plan_id

    def _insert_plan(
        self,
        run: sqlite3.Connection,
        plan_id: str,
        plan: Plan,
        problems: Sequence[Problem],
        items: Iterable[PlanItem],
    ) -> int:
        cursor = run.execute(
            "INSERT INTO plans (id, record) VALUES (?, ?)", (plan_id, encode(plan))
        )
        number = int(cursor.lastrowid or 0)
        run.executemany(
            "INSERT INTO problems VALUES (?, ?) ON CONFLICT (digest) DO NOTHING",
            ((problem.full_digest(), encode(problem)) for problem in problems),
        )
        run.executemany(
            "INSERT INTO plan_items VALUES (?, ?, ?, ?, ?, ?)",
            (
                (number, at, item.key, column(item.task), item.sample_index, item.problem)
                for at, item in enumerate(items)
            ),
        )
        return number

    def _check_same_items(
        self, run: sqlite3.Connection, plan_id: str, number: int, items: Iterable[PlanItem]
    ) -> None:
        stored = run.execute(
            "SELECT key, problem FROM plan_items WHERE plan = ? ORDER BY position", (number,)
        )
        given = ((item.key, item.problem) for item in items)
        if any(old != new for old, new in itertools.zip_longest(stored, given)):
            raise StoreError(
                f"plan {plan_id} was stored in {self.path} with other problems",
                hint="a task whose problems change must change its content_digest or version",
            )

    def latest_plan(self) -> Plan | None:
        """Return the plan that was added last, or None in an empty run."""
        rows = self._select(
            "SELECT record FROM plans WHERE number = "
            "(SELECT plan FROM plan_uses ORDER BY number DESC LIMIT 1)"
        )
        return decode(rows[0][0], Plan) if rows else None

    def plans(self) -> list[Plan]:
        """Return every plan, in the order in which each was first added."""
        query = "SELECT record FROM plans ORDER BY number"
        return [decode(record, Plan) for (record,) in self._select(query)]

    def problems(self, plan_id: str) -> Iterator[Problem]:
        """Yield the versions of the problems that a plan refers to, in its order."""
        rows = self._select(
            "SELECT problem FROM plan_items WHERE plan = ? GROUP BY problem ORDER BY min(position)",
            (self._number(plan_id),),
        )
        for (digest,) in rows:
            yield self._problem(digest)

    def items(self, plan_id: str) -> Iterator[PlanItem]:
        """Yield the items of a plan, in its order."""
        rows = self._pages(queries.ITEMS, {"plan": self._number(plan_id)})
        for problem, (_, digest, key, sample_index) in self._with_problems(rows):
            yield PlanItem(key, problem.task, problem.id, sample_index, digest)

    def present(self, plan_id: str) -> set[str]:
        """Return the keys of the plan's items that have completions."""
        rows = self._select(queries.PRESENT, (self._number(plan_id),))
        return {key for (key,) in rows}

    def lookup(self, keys: Iterable[str]) -> Iterator[Completion]:
        """Yield the completions that exist among ``keys``, whatever plan asked for them."""
        waiting = iter(keys)
        while page := list(itertools.islice(waiting, PAGE)):
            rows = self._select(queries.lookup(len(page)), page)
            yield from (decode(record, Completion) for (record,) in rows)

    def begin_session(self, session: Session) -> int:
        """Store the start of a session; return the id that ends it."""
        with self._transaction() as run:
            cursor = run.execute("INSERT INTO sessions (record) VALUES (?)", (encode(session),))
        return int(cursor.lastrowid or 0)

    def end_session(self, session_id: int, status: str) -> None:
        """Store how a session ended; an end that is already there stays."""
        end = (session_id, column(status), datetime.datetime.now(datetime.UTC).isoformat())
        statement = "INSERT INTO session_ends VALUES (?, ?, ?) ON CONFLICT (session) DO NOTHING"
        with self._transaction() as run:
            run.execute(statement, end)

    def sessions(self) -> list[Session]:
        """Return every session in order; one that died without an end is ``killed``."""
        unended = "running" if self._lock is not None or is_held(self.path) else "killed"
        rows = self._select(
            "SELECT s.record, e.status, e.ended FROM sessions s "
            "LEFT JOIN session_ends e ON e.session = s.number ORDER BY s.number"
        )
        return [
            msgspec.structs.replace(
                decode(record, Session),
                status=status or unended,
                ended=datetime.datetime.fromisoformat(ended) if ended else None,
            )
            for record, status, ended in rows
        ]

    def _mark_killed(self) -> None:
        with self._transaction() as run:
            run.execute(
                "INSERT INTO session_ends SELECT number, 'killed', NULL FROM sessions "
                "WHERE number NOT IN (SELECT session FROM session_ends)"
            )

    def add_completions(self, completions: Sequence[Completion]) -> int:
        """Store completions in one transaction; return how many were new.

        A key that exists keeps the completion that it has.
        """
        with self._transaction() as run:
            return rows_added(
                run,
                "INSERT INTO completions VALUES (?, ?, ?) ON CONFLICT (key) DO NOTHING",
                ((c.key, c.finish_reason.value, encode(c)) for c in completions),
            )

    def completions(self, plan_id: str) -> Iterator[tuple[Problem, Completion]]:
        """Yield the plan's completions with their problems, in the plan's order."""
        rows = self._pages(queries.COMPLETIONS, {"plan": self._number(plan_id)})
        for problem, (_, _, record) in self._with_problems(rows):
            yield problem, decode(record, Completion)

    def add_failures(self, failures: Sequence[Failure]) -> None:
        """Store failures; each try is one more."""
        with self._transaction() as run:
            run.executemany(
                "INSERT INTO failures (key, record) VALUES (?, ?)",
                ((failure.key, encode(failure)) for failure in failures),
            )

    def failures(self, plan_id: str) -> list[Failure]:
        """Return all failures of the plan's items, those since made good included."""
        rows = self._select(queries.FAILURES, (self._number(plan_id),))
        return [decode(record, Failure) for (record,) in rows]

    def add_grades(self, plan_id: str, grades: Sequence[Grade]) -> int:
        """Store grades in one transaction; return how many were new.

        A grade stands for the completion, the grader and the problem's version in the
        plan together; one that exists stays.

        Raises:
            StoreError: a grade for a completion that the plan or the store lacks.
        """
        number = self._number(plan_id)
        with self._transaction() as run:
            return rows_added(
                run,
                "INSERT INTO grades VALUES (?, ?, "
                "(SELECT problem FROM plan_items WHERE plan = ? AND key = ?), ?) "
                "ON CONFLICT (key, grader, problem) DO NOTHING",
                ((g.key, column(g.grader), number, g.key, encode(g)) for g in grades),
            )

    def graders(self) -> list[str]:
        """Return the identity of every grader that has judged something, under whatever plan."""
        rows = self._select("SELECT record FROM grades GROUP BY grader")
        return sorted(decode(record, Grade).grader for (record,) in rows)

    def ungraded(
        self, plan_id: str, graders: Mapping[str, str]
    ) -> Iterator[tuple[Problem, Completion]]:
        """Yield completions that lack a grade by their task's grader, in the plan's order.

        Args:
            plan_id: the plan concerned.
            graders: grader identity by task; a task that is not in it yields nothing.
        """
        rows = self._graded_pages(queries.UNGRADED, plan_id, graders)
        for problem, (_, _, record) in self._with_problems(rows):
            yield problem, decode(record, Completion)

    def grades(
        self, plan_id: str, graders: Mapping[str, str]
    ) -> Iterator[tuple[Grade, FinishReason]]:
        """Yield the current grades with their completions' finish, in the plan's order."""
        for _, record, finish in self._graded_pages(queries.GRADES, plan_id, graders):
            yield decode(record, Grade), FinishReason(finish)

    def _graded_pages(
        self, query: str, plan_id: str, graders: Mapping[str, str]
    ) -> Iterator[tuple[Any, ...]]:
        parameters: dict[str, Any] = {"plan": self._number(plan_id)}
        for index, (task, grader) in enumerate(graders.items()):
            parameters |= {f"task{index}": column(task), f"grader{index}": column(grader)}
        values = ", ".join(f"(:task{i}, :grader{i})" for i in range(len(graders)))
        return self._pages(query.format(values=values), parameters) if graders else iter(())

    def _pages(self, query: str, parameters: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
        after = -1
        while True:
            rows = self._select(query, {**parameters, "after": after, "page": PAGE})
            yield from rows
            if len(rows) < PAGE:
                return
            after = rows[-1][0]

    def _with_problems(
        self, rows: Iterable[tuple[Any, ...]]
    ) -> Iterator[tuple[Problem, tuple[Any, ...]]]:
        """Yield each row, whose second column is a problem's digest, with that problem."""
        latest: tuple[str, Problem] | None = None
        for row in rows:
            if latest is None or latest[0] != row[1]:
                latest = row[1], self._problem(row[1])
            yield latest[1], row

    def _problem(self, digest: str) -> Problem:
        rows = self._select("SELECT record FROM problems WHERE digest = ?", (digest,))
        return decode(rows[0][0], Problem)

    def _number(self, plan_id: str) -> int:
        rows = self._select("SELECT number FROM plans WHERE id = ?", (plan_id,))
        if not rows:
            raise StoreError(f"there is no plan {plan_id!r} in {self.path}")
        return int(rows[0][0])

    def _select(
        self, query: str, parameters: Sequence[Any] | Mapping[str, Any] = ()
    ) -> list[tuple[Any, ...]]:
        with faults(self._file, "read"):
            return self._open().execute(query, parameters).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        if self._lock is None:
            raise StoreError(f"{self.path} was opened for reading only")
        connection = self._open()
        with faults(self._file, "write"):
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                # SQLite has rolled back by itself after some errors, such as a full disk.
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            raise StoreError(f"the store {self.path} was closed")
        if os.getpid() != self._pid:
            raise StoreError(f"the store {self.path} was opened by another process")
        return self._connection

"""A task list that stays fast with millions of rows: it never counts rows, and sorts only by the key."""

import json
from functools import cached_property
from typing import Any

from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Page, Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.text import smart_split, unescape_string_literal

from djbundle.tasks.models import TaskRecord

DEFERRED = ("errors", "return_value", "then")  # long columns that the list does not show
MAX_KEY_LENGTH = 18  # digits


class WindowPaginator(Paginator):  # type: ignore[type-arg]
    """Reads one page and one row more, to know whether there is a next page. Assumes that the rows before it exist."""

    def __init__(self, rows: Any, per_page: int, number: int) -> None:
        super().__init__(rows, per_page)
        self.first = (number - 1) * self.per_page

    @cached_property
    def window(self) -> list[TaskRecord]:
        return list(self.object_list[self.first : self.first + self.per_page + 1])

    @property
    def has_more(self) -> bool:
        return len(self.window) > self.per_page

    @cached_property
    def count(self) -> int:
        """The number of rows up to here."""
        return self.first + len(self.window)

    @property
    def last(self) -> int:
        return self.first + min(len(self.window), self.per_page)

    def page(self, number: int | str) -> Page[TaskRecord]:
        return Page(self.window[: self.per_page], self.validate_number(number), self)


class TaskList(ChangeList):
    """The change list of tasks."""

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[TaskRecord]:
        return super().get_queryset(request, exclude_parameters).defer(*DEFERRED)

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        if not self.multi_page:
            self.result_list = self.paginator.page(1).object_list  # was read already
        self.full_result_count = self.result_count  # the search form then shows no total


def search(rows: QuerySet[TaskRecord], text: str) -> QuerySet[TaskRecord]:
    """Return the rows that match all words: a word is in the task's name or its arguments, or is the task's number."""
    for word in smart_split(text):
        is_quoted = len(word) > 1 and word[0] in "\"'" and word[-1] == word[0]
        rows = rows.filter(_has(unescape_string_literal(word) if is_quoted else word))
    return rows


def _has(word: str) -> Q:
    condition = Q(task_path__icontains=word)
    # SQLite keeps JSON as it was written, in ASCII; PostgreSQL returns the characters themselves.
    for written in {json.dumps(word)[1:-1], json.dumps(word, ensure_ascii=False)[1:-1]}:
        condition |= Q(args__icontains=written) | Q(kwargs__icontains=written)
    return condition | Q(pk=int(word)) if word.isdecimal() and len(word) <= MAX_KEY_LENGTH else condition

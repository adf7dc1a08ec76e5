"""What one web process grants its clients, and what it has counted of them."""

from functools import lru_cache

from djbundle.runtime.http.budget import Budget
from djbundle.runtime.http.observing import Observer
from djbundle.runtime.http.options import HttpOptions
from djbundle.runtime.http.quota import Quota
from djbundle.runtime.http.refusals import Refusals
from djbundle.runtime.http.unfinished import Unfinished
from djbundle.runtime.http.untaken import Untaken
from djbundle.runtime.http.waiting import Waiting
from djbundle.runtime.memory import Cycles


class Limits:
    def __init__(self, options: HttpOptions, observer: Observer | None = None) -> None:
        self.options = options
        self.is_proxy = lru_cache(maxsize=1024)(options.trusted_proxies.trusts)
        self.refusals = Refusals(observer)
        self.budget = Budget(self.is_proxy)
        self.quota = Quota(self.is_proxy)
        self.waiting = Waiting(self.budget, self.refusals)
        self.cycles = Cycles()
        self.untaken = Untaken()
        self.unfinished = Unfinished(self.is_proxy, self.refusals)

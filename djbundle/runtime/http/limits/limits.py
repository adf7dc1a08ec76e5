"""The limits that one web process sets for its clients, and what it has counted of them."""

from functools import lru_cache

from djbundle.runtime.http.limits.budget import Budget
from djbundle.runtime.http.limits.flooders import Flooders
from djbundle.runtime.http.limits.flow_control import FlowControl
from djbundle.runtime.http.limits.quota import BodyQuota
from djbundle.runtime.http.limits.refusals import Refusals
from djbundle.runtime.http.limits.unacknowledged import UnacknowledgedBytes
from djbundle.runtime.http.limits.websocket_memory import WebSocketMemory
from djbundle.runtime.http.limits.whole_pages import WholePages
from djbundle.runtime.http.protocol.observer import Observer
from djbundle.runtime.options.http import HttpOptions
from djbundle.runtime.process.memory import CycleCollector


class Limits:
    def __init__(self, options: HttpOptions, observer: Observer | None = None) -> None:
        self.options = options
        self.is_proxy = lru_cache(maxsize=1024)(options.trusted_proxies.trusts)
        self.refusals = Refusals(observer)
        self.flooders = Flooders(self.is_proxy, self.refusals)
        self.budget = Budget(self.is_proxy)
        self.quota = BodyQuota(self.is_proxy)
        self.flow_control = FlowControl(self.budget, self.refusals)
        self.cycles = CycleCollector()
        self.unacknowledged = UnacknowledgedBytes()
        self.whole_pages = WholePages(self.is_proxy)
        self.websocket_memory = WebSocketMemory(self.is_proxy, self.refusals, options.send_timeout)

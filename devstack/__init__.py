"""The embedded stack: real Temporal, real PowerDNS, a caching recursor, two simulators and the worker.

Development, the demo and the tests start it as child processes on 127.0.0.1. The product never imports it.
"""

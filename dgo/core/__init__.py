"""The rules of dgo, as plain state machines: values in, values out.

Nothing in this package knows a socket, a clock, a thread, a greenlet, a log, a global variable or
unseeded randomness; time, randomness and identities are arguments. The same classes therefore run
under the driver's threads, the workers' goroutines and a simulated cluster.

================  =================================================================
``ticket``        one blocked operation; the small interface of everything that waits
``channel``       Go's channel; with ``match``, ``handoff`` and ``loan``
``select``        Go's select; with ``case`` and ``distant``
``waitgroup``     Go's WaitGroup
``mutex`` ...     the other objects: ``rwmutex``, ``once``, ``cond``, ``semaphore``, ``atomic``, ``map``,
                  ``errgroup``, ``singleflight``, ``context``, ``alarm`` (timers and tickers)
``cancellation``  what a goroutine still has to hear of ``cancel()``
``goroutine``     the life of a goroutine, as its spawner sees it
``session``       exactly-once, in-order delivery between two processes
``references``    who holds a handle to an exported object
``membership``    who is in the cluster
``placement``     which worker gets a goroutine; with ``loads`` and ``backlog``
``timers``        a heap of deadlines
================  =================================================================
"""

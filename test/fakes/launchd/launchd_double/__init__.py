"""The launchd double: a launchd for tests, on any Linux with Python 3.8 or newer.

switches    what a test may choose, above all what nobody has verified on a real Mac
definition  a property list: what launchd takes, ignores and refuses
process     one run of a job: started as launchd starts it
job         the life of a job: demand, KeepAlive, throttle, penalty box, stop
manager     domains, the store of disabled services, and what each verb of launchctl does
texts       what launchctl prints
loop        timers, child processes and connections
"""

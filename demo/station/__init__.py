"""A police station's system, simulated: takes signed orders over HTTP and answers with signed calls.

Run it as a process of its own: `python -m demo.station --port 8201 --secret whsec_… --callback-url http://…`.
"""

"""About a hundred attacks through the front, while others type: `python -m tests.deploy.siege [--composed]`.

Each attack must be refused, or answered as any visitor is. Measured are the longest waits meanwhile of three others:
two that speak as pages do, one of them with the attackers' own process, and a page in Chromium.
"""

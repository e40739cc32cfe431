"""The bridge measured: what success in imagination says about success in reality.

Pure functions from `Panel`s (the success of fixed policies on the same starts in one world) to `Findings`
(result rows with intervals, and notes on what could not be told). Reality is an engine; imagination is a
learned model, or, as the ceiling of every measure, another engine.
"""

"""The five contrasts of docs/preregistration.md, computed as they are written there; each file quotes its
own."""

"""Embeddings: texts as vectors that lie close where the texts mean the same.

`port.Embedder` is what everybody else asks. Never knows what the texts are about or who may read them.
"""

"""Build a dataset to train on, or describe one."""

EXAMPLES = (
    "audiotok data build corpus/ --name speech",
    "audiotok data info tfds:speech more.tsv 'shards-{000..012}.tar'",
)

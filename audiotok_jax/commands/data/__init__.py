"""Build a dataset to train on, or tell what is in one."""

EXAMPLES = (
    "audiotok data build corpus/ --name speech",
    "audiotok data info tfds:speech more.tsv 'shards-{000..012}.tar'",
)

INPUTS = "folders, tables (.tsv .csv .parquet .jsonl), tars, tfds:NAME[/CONFIG][:SPLIT]"

class Conf:
    CLUSTER_NAME: str
    QUEUE_LIMIT: int
    WORKERS: int

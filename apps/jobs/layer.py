from channels.layers import BaseChannelLayer


class PostgresChannelLayer(BaseChannelLayer):
    pass

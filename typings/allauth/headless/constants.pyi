from enum import StrEnum

class Client(StrEnum):
    APP = "app"
    BROWSER = "browser"

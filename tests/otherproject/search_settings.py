"""The settings of a project that has a read model too."""

import os

from settings import *
from settings import EVENTS_SUBSCRIBERS, INSTALLED_APPS

INSTALLED_APPS += ["readmodel"]
ELASTICSEARCH_URL = os.environ["ELASTICSEARCH_URL"]
READMODEL_PROJECTIONS = ["warehouse.documents.CrateDocuments"]
EVENTS_SUBSCRIBERS["readmodel"] = "readmodel.subscriber.ReadModel"

from .carrying import carried as carried
from .following import follow as follow
from .reading import graphs_of as graphs_of
from .recorder import Recorder as Recorder
from .result import Track as Track
from .result import TrackPoint as TrackPoint
from .rounds import sculpting_rounds as sculpting_rounds

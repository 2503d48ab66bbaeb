from .compared import write_comparison as write_comparison
from .compared import write_groups as write_groups
from .folder import write_analysis as write_analysis
from .tracked import write_track as write_track

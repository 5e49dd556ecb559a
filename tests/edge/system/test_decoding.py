"""Types that several threads decode are prepared when their modules are imported."""

from __future__ import annotations

import subprocess
import sys

_CODE = """
import sys
import msgspec
import edgeseg.batch.messages as messages, edgeseg.batch.job as job, edgeseg.batch.parts as parts
import edgeseg.models.card as card, edgeseg.models.tuning_cache as tuning_cache
import edgeseg.preprocessing.config as config, edgeseg.run.results.record as record

class Unprepared(msgspec.Struct):
    value: int

def builds_information(kind):
    names = set()
    sys.setprofile(lambda frame, event, argument: names.add(frame.f_code.co_name))
    msgspec.json.Decoder(kind)
    sys.setprofile(None)
    return "get_class_annotations" in names

kinds = (
    messages.Message, messages.JobInput, job.JobFile, parts.PartEntry, card.Licence,
    tuning_cache._CacheFile, config.PreprocessingConfig, record.ResultRecord, Unprepared,
)
print([builds_information(kind) for kind in kinds])
"""


def test_types_are_prepared_for_threads_when_modules_are_imported() -> None:
    done = subprocess.run([sys.executable, "-c", _CODE], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str([False] * 8 + [True])

"""Engines that run networks. Importing this package turns off the telemetry of their libraries.

OpenVINO reports each `import openvino` to Google Analytics through the package
`openvino_telemetry`: it makes a client number in the home of the user, opens a socket, and starts a
process. Where that package cannot be imported, OpenVINO uses a stub that does nothing. So this
package makes it unimportable before any module of impasto imports OpenVINO.

ONNX Runtime reports to Microsoft from version 1.29 on, also on Linux: as it is imported, it makes a
client number and a database in the home of the user. A variable of the environment keeps it from
that.
"""

import os
import sys

if "openvino" not in sys.modules:  # else the program that uses impasto has imported it already
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]  # `import` then fails
os.environ["ORT_DISABLE_TELEMETRY"] = os.environ.get("ORT_DISABLE_TELEMETRY") or "1"

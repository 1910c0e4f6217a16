"""cmake --install puts everything where the parts find each other."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

import gildiag


class Install(unittest.TestCase):
    def test_a_copy_elsewhere_works_alone(self):
        if not shutil.which("cmake"):
            self.skipTest("there is no cmake")
        with tempfile.TemporaryDirectory() as prefix:
            subprocess.run(["cmake", "--install", gildiag.BUILD, "--prefix", prefix], check=True,
                           stdout=subprocess.DEVNULL)
            tool = os.path.join(prefix, "bin", "gildiag")
            recording = os.path.join(prefix, "recording")
            done = subprocess.run([tool, "record", "-o", recording, "--", sys.executable, "-c",
                                   "import time; time.sleep(0.5); print(open('/proc/self/maps').read())"],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=gildiag.clean_environment())
            self.assertEqual((done.returncode, done.stderr), (0, b""))
            agents = {line.split()[-1] for line in done.stdout.decode().splitlines() if "gildiag-agent" in line}
            self.assertEqual(len(agents), 1)
            self.assertTrue(agents.pop().startswith(os.path.realpath(prefix)))
            report = json.loads(subprocess.run([tool, "report", "-f", "json", recording], check=True,
                                               stdout=subprocess.PIPE).stdout)
            self.assertIn("sampler", report["recording"]["sources"])
            self.assertEqual(report["verdict"]["class"], "waiting")


if __name__ == "__main__":
    unittest.main()

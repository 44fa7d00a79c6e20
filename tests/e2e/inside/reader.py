"""Print student and job of every row, as JSON."""

import json
import sqlite3
import sys

with sqlite3.connect("/rows/attendance.db") as rows:
    found = rows.execute("SELECT student_id, job_id FROM school_attendance")
    json.dump(found.fetchall(), sys.stdout)

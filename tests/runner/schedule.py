# SPDX-License-Identifier: MIT OR Apache-2.0
"""Runs jobs side by side, never more at once than there are slots, builds before what needs them."""
import threading


class Schedule:
    """Jobs are added while it runs: a suite asks its build what there is only when it is built."""

    def __init__(self, root, slots, on_done):
        self.root = root
        self.slots = slots
        self.on_done = on_done
        self.waiting = []
        self.free = slots
        self.change = threading.Condition()
        self.running = set()
        self.broken = None

    def add(self, jobs):
        with self.change:
            self.waiting.extend(jobs)
            self.change.notify_all()

    def run(self):
        """Returns when nothing waits and nothing runs.  on_done(job) runs in this thread."""
        done = []
        while True:
            with self.change:
                self.start_what_fits(done)
                if not self.running and not self.waiting and not done:
                    return
                while not done and self.running:
                    self.change.wait(0.2)
                finished, done[:] = list(done), []
            if self.broken:
                raise self.broken
            for job in finished:
                self.on_done(job)

    def start_what_fits(self, done):
        for job in list(self.waiting):
            weight = min(job.weight, self.slots)
            if weight > self.free:
                # The first that waits is served first, or a build would starve behind small jobs.
                break
            self.waiting.remove(job)
            self.free -= weight
            self.running.add(job)
            threading.Thread(target=self.work, args=(job, weight, done), daemon=True).start()

    def work(self, job, weight, done):
        try:
            job.run(self.root)
        except Exception as e:          # a fault of the runner must not pass for a green run
            self.broken = e
        with self.change:
            self.free += weight
            self.running.discard(job)
            done.append(job)
            self.change.notify_all()

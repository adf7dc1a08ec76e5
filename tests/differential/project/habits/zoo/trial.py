import unittest


class Trial(unittest.TestCase):
    def test_it(self):
        self.assertTrue(True)

from django.test import TestCase
from django.urls import reverse


class QuestionIndexViewTests(TestCase):
    def test_no_questions(self):
        self.assertContains(self.client.get(reverse("polls:index")), "No polls are available.")

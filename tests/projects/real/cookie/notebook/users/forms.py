from crispy_forms.helper import FormHelper
from django import forms

from .models import User


class UserForm(forms.ModelForm):
    helper = FormHelper()

    class Meta:
        model = User
        fields = ["name"]

"""The checkout form."""

from django import forms
from django.utils.translation import gettext_lazy as _

from orders import gateway
from orders.models import Order

COUNTRIES = [
    ("Germany", _("Germany")),
    ("Austria", _("Austria")),
    ("Ireland", _("Ireland")),
    ("Netherlands", _("Netherlands")),
]


class CheckoutForm(forms.ModelForm):
    country = forms.ChoiceField(label=_("Country"), choices=COUNTRIES)
    card_number = forms.CharField(
        label=_("Card number"),
        max_length=23,
        widget=forms.TextInput(
            attrs={"inputmode": "numeric", "autocomplete": "cc-number", "placeholder": "4242 4242 4242 4242"}
        ),
    )

    class Meta:
        model = Order
        fields = ["email", "name", "address", "postcode", "city", "country"]
        widgets = {
            "email": forms.EmailInput(attrs={"autocomplete": "email"}),
            "name": forms.TextInput(attrs={"autocomplete": "name"}),
            "address": forms.TextInput(attrs={"autocomplete": "street-address"}),
            "postcode": forms.TextInput(attrs={"autocomplete": "postal-code"}),
            "city": forms.TextInput(attrs={"autocomplete": "address-level2"}),
        }

    def clean_card_number(self) -> str:
        """Exchange the card number for the gateway's token. Only the token is stored."""
        try:
            self.instance.card_token = gateway.make_token(self.cleaned_data["card_number"])
        except gateway.CardRejectedError as error:
            raise forms.ValidationError(_("This is not the number of a card.")) from error
        except gateway.GatewayError as error:
            raise forms.ValidationError(_("Payments are not possible at the moment. Please try again.")) from error
        return ""

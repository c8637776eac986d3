"""Mail as a notification block of Prefect's, which itself knows SendGrid alone.

The server loads the block by its class, so `guarded` imports this file.
"""

from prefect.blocks.notifications import AppriseNotificationBlock


class Mail(AppriseNotificationBlock):
    """Mail by a server of one's own: `mailtos://NAME:PASSWORD@SERVER?from=ADDRESS&to=ADDRESS`, as Apprise reads it."""

    _block_type_name = "Mail by Paragone"
    _block_type_slug = "paragone-mail"

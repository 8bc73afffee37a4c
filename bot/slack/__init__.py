"""Slack's edge on both sides: deliveries read into values, posts and reads through the Web API.

`inbound` reads what Slack delivers, `seen_text.seen` what people see of a message; `surface.SlackSurface` posts, finds and
shows; `web_api.called` turns failures into our errors.
Never decides what is to be said.
"""

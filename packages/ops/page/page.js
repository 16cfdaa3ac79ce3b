// Follows /events and draws the page.

"""What is written to a CRM's records, and when. Knows no CRM: fields, types and records are the describing schema's.

From what an event type's owner chose to what is sent:

    settings        what is chosen; `calcom` reads the same from Cal.com's own JSON
    mapping         one rule "write this value to that field, when"
    template        the grammar of values; `names` are the names in it, and what they stand for
    values          a value in the form its field takes
    schema          what a CRM says of its objects
    owner           who becomes the owner of a record
    resolve         mappings and a booking -> the fields to write, and what was left out and why
    check           every problem of mappings before a booking meets it: `static` without asking a CRM
    settings_check  the same of the settings around them; all are told as a `finding`
    repair          what to send after a CRM refused fields, and the sync error that follows
"""

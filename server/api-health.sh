#!/bin/sh
# Whether the API is ready. Exit 1 if it answers, but lacks its database; 3 if it does not answer at all.
answers 4200 /api/ready && exit
answers 4200 /api/health && exit 1
exit 3

# The bot as a container: docker build -t signoff . && docker run --init --env-file .env -p 3000:3000 signoff
# With DATABASE_URL and REDIS_URL it keeps nothing itself; without them both live in the volume /home/signoff.
FROM python:3.12-slim

RUN useradd --create-home --uid 10001 signoff
WORKDIR /app

# First what changes seldom: every package pinned and checked against its hash.
COPY requirements.lock .
RUN pip install --no-cache-dir --require-hashes --requirement requirements.lock

COPY . .
# The command as pip would make it, without fetching a build tool for that.
RUN printf '#!/usr/bin/env python3\nfrom bot.cli import main\n\nmain()\n' > /usr/local/bin/signoff \
    && chmod +x /usr/local/bin/signoff
ENV PYTHONPATH=/app PYTHONUNBUFFERED=1 LOG_FORMAT=json

# Here are the embedded stores, if they are used, and here signoff.yaml is looked for.
USER signoff
WORKDIR /home/signoff
VOLUME /home/signoff
EXPOSE 3000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
    CMD ["python3", "-c", "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:' + (os.environ.get('PORT') or '3000') + '/healthz', timeout=2)"]
ENTRYPOINT ["signoff"]
CMD ["run"]

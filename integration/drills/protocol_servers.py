# SPDX-License-Identifier: Apache-2.0
"""The scripts that start Debian's servers for test_protocol_checks.py, each with one account: dyad, PASSWORD."""

PASSWORD = "geheimnis-4711"
SECRET = "gemeinsam-4711"

_CERTIFICATE = ("mkdir -p /tls; openssl req -x509 -newkey rsa:2048 -nodes -keyout /tls/key -out /tls/certificate -subj /CN=server -days 10 "
                "2>/dev/null\n")


def _file(path, text):
    return f"mkdir -p $(dirname {path}); cat > {path} <<'end of file'\n{text}\nend of file\n"


REDIS = _CERTIFICATE + f"""redis-server --port 6379 --tls-port 6380 --tls-cert-file /tls/certificate --tls-key-file /tls/key \\
--tls-ca-cert-file /tls/certificate --tls-auth-clients no --bind 0.0.0.0 --requirepass {PASSWORD} --save '' --dir /tmp --daemonize yes
until redis-cli -a {PASSWORD} --no-auth-warning set health 'all is well'; do sleep 0.1; done
exec sleep infinity
"""

LDAP = _CERTIFICATE + _file("/slapd.conf", f"""include /etc/ldap/schema/core.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile /run/slapd.pid
TLSCertificateFile /tls/certificate
TLSCertificateKeyFile /tls/key
database mdb
suffix dc=example
rootdn cn=dyad,dc=example
rootpw {PASSWORD}
directory /data""") + _file("/first.ldif", """dn: dc=example
objectClass: dcObject
objectClass: organization
dc: example
o: Hospital""") + """mkdir -p /data
slapadd -f /slapd.conf -l /first.ldif
exec slapd -d 0 -f /slapd.conf -h 'ldap://0.0.0.0:389 ldaps://0.0.0.0:636'
"""

DNS = """exec dnsmasq --keep-in-foreground --conf-file=/dev/null --port=53 --no-resolv --no-hosts --user=root --pid-file= \
--address=/pacs.example/192.0.2.7 --txt-record=pacs.example,well --local=/example/
"""

MYSQL = _CERTIFICATE + _file("/first.sql", f"CREATE USER dyad IDENTIFIED BY '{PASSWORD}';") + """
mkdir -p /data /run/mysqld; chmod -R a+r /tls; chown mysql /data /run/mysqld
mariadb-install-db --no-defaults --force --user=mysql --datadir=/data --skip-test-db >/dev/null
exec mariadbd --no-defaults --user=mysql --datadir=/data --port=3306 --bind-address=0.0.0.0 --socket=/run/mysqld/s --skip-name-resolve \
--init-file=/first.sql --innodb-buffer-pool-size=8M --ssl-cert=/tls/certificate --ssl-key=/tls/key
"""

POSTGRESQL = _CERTIFICATE + f"""
mkdir -p /data; chown postgres /data /tls/key; chmod 600 /tls/key; echo {PASSWORD} > /password
run() {{ chroot --userspec=postgres:postgres / "$@"; }}
bin=/usr/lib/postgresql/15/bin
run $bin/initdb -D /data -U dyad --pwfile=/password -A scram-sha-256 --no-sync --no-locale >/dev/null
printf '%s\\n' 'host postgres dyad all scram-sha-256' 'host template1 dyad all password' > /data/pg_hba.conf
exec chroot --userspec=postgres:postgres / $bin/postgres -D /data -c listen_addresses='*' -c unix_socket_directories= -c fsync=off \
-c shared_buffers=8MB -c ssl=on -c ssl_cert_file=/tls/certificate -c ssl_key_file=/tls/key
"""

RADIUS = _file("/radius/radiusd.conf", f"""prefix = /usr
libdir = /usr/lib/freeradius
run_dir = /run
db_dir = /run
security {{ allow_vulnerable_openssl = 'yes' }}
client all {{
  ipaddr = 0.0.0.0/0
  secret = {SECRET}
  require_message_authenticator = yes
}}
modules {{
  pap {{ }}
  files {{ filename = /radius/users }}
}}
server default {{
  listen {{
    type = auth
    ipaddr = *
    port = 1812
  }}
  authorize {{
    files
    pap
  }}
  authenticate {{
    Auth-Type PAP {{
      pap
    }}
  }}
}}""") + _file("/radius/users", f'dyad Cleartext-Password := "{PASSWORD}"\n  Reply-Message := "welcome"') + """
ln -s /etc/freeradius/3.0/dictionary /radius/dictionary 2>/dev/null || echo '$INCLUDE /usr/share/freeradius/dictionary' > /radius/dictionary
exec freeradius -f -l stdout -d /radius
"""

NTP = _file("/chrony.conf", "local stratum 3\nallow all\ncmdport 0\npidfile /run/chronyd.pid") + """
mkdir -p /run/chrony; chmod 700 /run/chrony
exec chronyd -d -x -u root -f /chrony.conf
"""

NTP_WITHOUT_TIME = NTP.replace("local stratum 3\n", "port 1123\n")

SIP = _file("/kamailio.cfg", """children=1
log_stderror=yes
mpath="/usr/lib/x86_64-linux-gnu/kamailio/modules/"
loadmodule "sl.so"
loadmodule "pv.so"
request_route {
  if ($rU == "closed") { sl_send_reply("503", "Closed"); exit; }
  sl_send_reply("200", "OK");
}""") + """
exec kamailio -DD -E -f /kamailio.cfg -m 16 -M 4 -l udp:$ADDRESS:5060 -l tcp:$ADDRESS:5060 -Y /run
"""

FTP = f"echo \"dyad:$(openssl passwd -6 {PASSWORD}):19000:0:99999:7:::\" > /etc/shadow\n" + \
    _file("/etc/pam.d/vsftpd", "auth required pam_unix.so nodelay\naccount required pam_unix.so") + \
    _file("/vsftpd.conf", """listen=YES
background=NO
local_enable=YES
anonymous_enable=NO
pam_service_name=vsftpd
seccomp_sandbox=NO
isolate=NO
isolate_network=NO
secure_chroot_dir=/run/empty
delay_failed_login=0""") + """
mkdir -p /run/empty
cd /etc/pam.d; touch common-auth common-account common-password common-session; cd /
vsftpd /vsftpd.conf &   # as the first process it would inherit orphans, which it takes for a fault of its own
wait
"""

SMTP = _CERTIFICATE + _file("/etc/postfix/main.cf", """compatibility_level = 3.6
maillog_file = /dev/stdout
daemon_directory = /usr/lib/postfix/sbin
myhostname = mail.example
inet_protocols = ipv4
alias_maps =
local_recipient_maps =
smtpd_tls_cert_file = /tls/certificate
smtpd_tls_key_file = /tls/key
smtpd_sasl_type = dovecot
smtpd_sasl_path = /run/accounts
smtpd_client_connection_rate_limit = 0""") + _file("/etc/postfix/master.cf", """25 inet n - n - - smtpd
465 inet n - n - - smtpd
  -o smtpd_tls_wrappermode=yes
  -o smtpd_sasl_auth_enable=yes
tlsmgr unix - - n 1000? 1 tlsmgr
anvil unix - - n - 1 anvil
rewrite unix - - n - - trivial-rewrite
postlog unix-dgram n - n - 1 postlogd""") + _file("/dovecot.conf", f"""protocols =
log_path = /dev/stderr
auth_failure_delay = 0
service auth {{
  unix_listener /run/accounts {{
    mode = 0666
  }}
}}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
passdb {{
  driver = static
  args = user=dyad password={PASSWORD}
}}""") + """
mkdir -p /var/lib/postfix /var/spool/postfix/pid; cd /var/spool/postfix; mkdir private public maildrop
chown postfix /var/lib/postfix private public; chown postfix:postdrop maildrop public
dovecot -c /dovecot.conf
exec /usr/lib/postfix/sbin/master -d
"""

MAIL = _CERTIFICATE + _file("/dovecot.conf", f"""protocols = imap pop3
listen = *
ssl = yes
ssl_cert = </tls/certificate
ssl_key = </tls/key
disable_plaintext_auth = no
auth_failure_delay = 0
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
mail_location = maildir:/srv/dyad/mail
log_path = /dev/stderr
passdb {{
  driver = static
  args = user=dyad password={PASSWORD}
}}
userdb {{
  driver = static
  args = uid=dyad gid=dyad home=/srv/dyad
}}""") + """
mkdir -p /srv/dyad; chown dyad:dyad /srv/dyad
exec dovecot -F -c /dovecot.conf
"""

NGINX = _CERTIFICATE + f"echo \"dyad:$(openssl passwd -6 {PASSWORD})\" > /accounts\n" + _file("/nginx.conf", """daemon off;
user root;
pid /run/nginx.pid;
error_log stderr;
events { }
http {
  access_log off;
  server {
    listen 80;
    listen [::]:80;
    listen 443 ssl;
    ssl_certificate /tls/certificate;
    ssl_certificate_key /tls/key;
    location = /health { return 200 "allServicesOperative\n"; }
    location = /state { return 200 '{"status": "UP", "disks": [{"full": false}]}'; }
    location = /moved { return 302 /moved; }
    location = /private {
      auth_basic "private";
      auth_basic_user_file /accounts;
      try_files /gone @within;
    }
    location @within { return 200 "come in"; }
  }
}""") + """
mkdir -p /var/lib/nginx /var/log/nginx
exec nginx -c /nginx.conf
"""

ORTHANC = _file("/orthanc.json", f"""{{
  "StorageDirectory": "/data", "IndexDirectory": "/data",
  "DicomAet": "ARCHIVE", "DicomCheckCalledAet": true, "DicomPort": 4242, "DicomAlwaysAllowEcho": true, "DicomAlwaysAllowFind": true,
  "HttpPort": 8042, "RemoteAccessAllowed": true, "AuthenticationEnabled": true, "RegisteredUsers": {{ "dyad": "{PASSWORD}" }}
}}""") + """
mkdir -p /data
ln -sf /usr/share/zoneinfo/UTC /etc/localtime
exec Orthanc /orthanc.json
"""

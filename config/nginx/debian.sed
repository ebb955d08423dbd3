# Turn nginx.conf into Debian's /etc/nginx/nginx.conf, where nginx ends TLS and the web server is on the same machine:
#   sed --file config/nginx/debian.sed config/nginx/nginx.conf
/^daemon off;/d
/_temp_path /d
s|^worker_processes|user www-data;\n&|
s|^pid .*|pid /run/nginx.pid;|
s|^error_log stderr|error_log /var/log/nginx/error.log|
s|access_log /dev/stdout|access_log /var/log/nginx/access.log|
s|server web:8000;|server 127.0.0.1:8000;|
s|listen 8080 default_server\(.*\);|listen 443 ssl default_server\1;\
        http2 on;\
        ssl_certificate tls/certificate.pem;\
        ssl_certificate_key tls/key.pem;|

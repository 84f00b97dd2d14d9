#!/bin/bash
# Sets up Apache Kafka of one node (KRaft) for Azulejo on a Debian machine: SASL/SCRAM over TLS, an authorizer, the topics, and
# the users server and worker with the rights of docs/kafka.md. What is there already is left as it is, so it may be run again.
set -euo pipefail

usage() {
    cat <<'HELP'
Usage: setup.sh --archive kafka_2.13-4.4.0.tgz [OPTIONS]     as Apache's site has it; compare its SHA-512 first
       setup.sh --maven pom.xml [OPTIONS]                    fetched by Maven: deploy/kafka/pom.xml
       setup.sh --libs FOLDER [OPTIONS]                      the jars are there already

  --host NAME        how clients reach this machine, in the certificate, too [default: its name]
  --port PORT        where it listens for clients [default: 9093]
  --prefix TEXT      before the names of topics and groups, KAFKA_TOPIC_PREFIX of server and workers [default: none]
  --server-id NAME   KAFKA_SERVER_ID of the server, whose topic of results is results-NAME [default: main]
  --partitions N     partitions of tasks: the most workers that share the work [default: 12]
  --heap SIZE        memory of the Java machine [default: 1g]
  --folder FOLDER    put everything below it rather than in /opt/kafka, /etc/kafka and /var/lib/kafka, and run as whoever calls:
                     to try it, without root and systemd

Writes server.env and worker.env, for /etc/azulejo or any environment, and ca.pem, for every machine that connects.
HELP
}

die() {
    echo "setup.sh: $*" >&2
    exit 1
}

archive='' maven='' libs='' folder='' prefix=''
host=$(hostname -f 2>/dev/null || hostname) port=9093 server_id=main partitions=12 heap=1g
while [ $# -gt 0 ]; do
    case $1 in
    --help | -h) usage && exit 0 ;;
    --archive | --maven | --libs | --host | --port | --prefix | --server-id | --partitions | --heap | --folder)
        [ $# -ge 2 ] || die "$1 needs a value"
        name=${1#--}
        declare "${name//-/_}=$2"
        shift 2
        ;;
    *) usage >&2 && die "unknown: $1" ;;
    esac
done
[ "$(printf '%s\n' "$archive" "$maven" "$libs" | grep -c .)" = 1 ] || die "give one of --archive, --maven and --libs; see --help"
controller=$((port + 1))

if [ -n "$folder" ]; then
    mkdir -p "$folder"
    folder=$(realpath "$folder")
    opt=$folder/opt etc=$folder/etc data=$folder/data user=$(id -un)
else
    [ "$(id -u)" = 0 ] || die "only root may do this; --folder tries it without"
    opt=/opt/kafka etc=/etc/kafka data=/var/lib/kafka user=kafka
fi

need() {
    command -v "$1" >/dev/null && return
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        die "$1 is not installed (Debian: $2)"
    fi
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$2"
}
need java openjdk-17-jre-headless
[ -z "$maven" ] || need mvn maven

# --- The jars.
if [ -n "$libs" ]; then
    libs=$(realpath "$libs")
else
    if [ ! -d "$opt/libs" ]; then
        rm -rf "$opt/new"
        mkdir -p "$opt/new"
        if [ -n "$archive" ]; then
            tar -xzf "$archive" -C "$opt/new" --strip-components=1 --no-same-owner
        else
            mvn --quiet --batch-mode --file "$maven" dependency:copy-dependencies "-DoutputDirectory=$opt/new/libs"
        fi
        # Last: what is there is whole.
        mv "$opt/new/libs" "$opt/libs"
        rm -rf "$opt/new"
    fi
    libs=$opt/libs
fi
compgen -G "$libs/kafka_2.13-*.jar" >/dev/null || die "$libs has no kafka_2.13-*.jar"

# --- Kafka's own tools, of which not every source of the jars has the scripts.
install -d -m 0755 "$opt/bin"
tool_script() {
    local name=$1 class=$2
    printf '#!/bin/sh\nexec java -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -cp "%s/*" %s "$@"\n' "$libs" "$class" >"$opt/bin/$name"
    chmod 0755 "$opt/bin/$name"
    [ -n "$folder" ] || ln -sf "$opt/bin/$name" "/usr/local/bin/$name"
}
tool_script kafka-topics.sh org.apache.kafka.tools.TopicCommand
tool_script kafka-configs.sh org.apache.kafka.tools.ConfigCommand
tool_script kafka-acls.sh org.apache.kafka.tools.AclCommand
tool_script kafka-consumer-groups.sh org.apache.kafka.tools.consumer.group.ConsumerGroupCommand
tool_script kafka-console-consumer.sh org.apache.kafka.tools.consumer.ConsoleConsumer
tool_script kafka-broker-api-versions.sh org.apache.kafka.tools.BrokerApiVersionsCommand
tool_script kafka-storage.sh kafka.tools.StorageTool

# --- User, folders, passwords, certificate.
if [ -z "$folder" ] && ! getent passwd kafka >/dev/null; then
    useradd --system --user-group --home-dir "$data" --shell /usr/sbin/nologin kafka
fi
install -d -m 0755 "$etc"
install -d -o "$user" -m 0750 "$data"
umask 077
if [ ! -f "$etc/passwords" ]; then
    for name in admin server worker store; do
        echo "$name=$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')"
    done >"$etc/passwords"
fi
password() {
    sed -n "s/^$1=//p" "$etc/passwords"
}
if [ ! -f "$etc/node.p12" ]; then
    # An address has a kind of its own in a certificate.
    kind=dns
    [[ $host =~ ^[0-9.]+$|: ]] && kind=ip
    keytool -genkeypair -keystore "$etc/node.p12" -storetype PKCS12 -storepass "$(password store)" -alias node \
        -keyalg EC -groupname secp256r1 -validity 3650 -dname "CN=$host" \
        -ext "SAN=$kind:$host" -ext bc:c=ca:true 2>/dev/null
    chown "$user" "$etc/node.p12"
fi
keytool -exportcert -rfc -keystore "$etc/node.p12" -storepass "$(password store)" -alias node 2>/dev/null >"$etc/ca.pem"
chmod 0644 "$etc/ca.pem"

# --- Settings. The controller's listener is for the node itself, on loopback; it asks for a password, too.
plain=org.apache.kafka.common.security.plain.PlainLoginModule
scram=org.apache.kafka.common.security.scram.ScramLoginModule
cat >"$etc/server.properties" <<PROPERTIES
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$controller
controller.listener.names=CONTROLLER
listeners=CLIENT://:$port,CONTROLLER://127.0.0.1:$controller
advertised.listeners=CLIENT://$host:$port
listener.security.protocol.map=CLIENT:SASL_SSL,CONTROLLER:SASL_PLAINTEXT
inter.broker.listener.name=CLIENT
log.dirs=$data
auto.create.topics.enable=false
default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:admin
sasl.enabled.mechanisms=SCRAM-SHA-512,PLAIN
sasl.mechanism.inter.broker.protocol=SCRAM-SHA-512
sasl.mechanism.controller.protocol=PLAIN
listener.name.client.sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.client.scram-sha-512.sasl.jaas.config=$scram required username="admin" password="$(password admin)";
listener.name.controller.sasl.enabled.mechanisms=PLAIN
listener.name.controller.plain.sasl.jaas.config=$plain required username="admin" password="$(password admin)" user_admin="$(password admin)";
ssl.keystore.type=PKCS12
ssl.keystore.location=$etc/node.p12
ssl.keystore.password=$(password store)
ssl.truststore.type=PEM
ssl.truststore.location=$etc/ca.pem
PROPERTIES
chown "$user" "$etc/server.properties"
cat >"$etc/admin.properties" <<PROPERTIES
security.protocol=SASL_SSL
sasl.mechanism=SCRAM-SHA-512
sasl.jaas.config=$scram required username="admin" password="$(password admin)";
ssl.truststore.type=PEM
ssl.truststore.location=$etc/ca.pem
PROPERTIES

# --- Storage, with the users in it from the start. The passwords are not on a command line longer than that takes.
java=(java "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn" -cp "$libs/*")
if [ ! -f "$data/meta.properties" ]; then
    id=$("${java[@]}" kafka.tools.StorageTool random-uuid | tail -n 1)
    users=()
    for name in admin server worker; do
        users+=(--add-scram "SCRAM-SHA-512=[name=$name,password=$(password "$name")]")
    done
    "${java[@]}" kafka.tools.StorageTool format -t "$id" -c "$etc/server.properties" "${users[@]}" >/dev/null
    chown -R "$user" "$data"
fi

# --- The process.
if [ -z "$folder" ]; then
    cat >/etc/systemd/system/kafka.service <<UNIT
[Unit]
Description=Apache Kafka
Wants=network-online.target
After=network-online.target

[Service]
Type=exec
User=kafka
ExecStart=$(command -v java) -Xmx$heap -XX:+UseG1GC -XX:MaxGCPauseMillis=20 -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -cp $libs/* kafka.Kafka $etc/server.properties
# Java ends so when it is told to.
SuccessExitStatus=143
Restart=on-failure
RestartSec=5
TimeoutStopSec=120
LimitNOFILE=100000
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
ReadWritePaths=$data

[Install]
WantedBy=multi-user.target
UNIT
    chmod 0644 /etc/systemd/system/kafka.service
    [ -d /run/systemd/system ] || die "everything is prepared; no systemd runs here that could start kafka.service"
    systemctl daemon-reload
    systemctl enable --now kafka.service
elif ! kill -0 "$(cat "$folder/pid" 2>/dev/null || echo 0)" 2>/dev/null || [ ! -f "$folder/pid" ]; then
    "${java[@]}" "-Xmx$heap" kafka.Kafka "$etc/server.properties" >"$folder/log" 2>&1 </dev/null &
    echo $! >"$folder/pid"
fi

tool() {
    local class=$1
    shift
    "${java[@]}" "$class" --bootstrap-server "$host:$port" --command-config "$etc/admin.properties" "$@"
}
topics() {
    tool org.apache.kafka.tools.TopicCommand "$@"
}
for _ in $(seq 60); do
    (exec 3<>"/dev/tcp/$host/$port") 2>/dev/null && break
    sleep 1
done
topics --list >/dev/null || die "Kafka does not answer at $host:$port"

# --- Topics, as the server would make them: docs/kafka.md.
topic() {
    local name=$prefix$1 partitions=$2 config=()
    shift 2
    for setting in message.timestamp.type=LogAppendTime "$@"; do
        config+=(--config "$setting")
    done
    topics --create --if-not-exists --topic "$name" --partitions "$partitions" "${config[@]}" | grep -v '^WARNING' || true
}
pixels=(max.message.bytes=10551296 retention.bytes=1073741824 segment.bytes=67108864)
topic tasks "$partitions" "${pixels[@]}" retention.ms=86400000
topic "results-$server_id" 4 "${pixels[@]}" retention.ms=86400000
topic heartbeats 1 retention.ms=3600000
topic dead-letters 1 "${pixels[@]}" retention.ms=-1
topic control 1 retention.ms=86400000

# --- Rights: a line for each row of the table in docs/kafka.md.
right() {
    local user=$1 kind=$2 pattern=$3 name=$prefix$4 operations=()
    shift 4
    for operation in "$@"; do
        operations+=(--operation "$operation")
    done
    tool org.apache.kafka.tools.AclCommand --add --force --allow-principal "User:$user" "--$kind" "$name" \
        --resource-pattern-type "$pattern" "${operations[@]}" >/dev/null
}
right server topic literal tasks Write Describe DescribeConfigs Delete
right server topic prefixed results Read Write Describe DescribeConfigs Delete
right server topic literal heartbeats Read Describe DescribeConfigs
right server topic literal dead-letters Write Describe DescribeConfigs
right server topic literal control Write Describe DescribeConfigs
right server group prefixed image-workers Describe
right worker topic literal tasks Read Describe
right worker topic prefixed results Write Describe
right worker topic literal heartbeats Write Describe
right worker topic literal dead-letters Write Describe
right worker topic literal control Read Describe
right worker group prefixed image-workers Read

# --- What server and workers are told.
for name in server worker; do
    {
        echo "KAFKA_BROKER=$host:$port"
        echo "KAFKA_TOPIC_PREFIX=$prefix"
        [ "$name" = worker ] || echo "KAFKA_SERVER_ID=$server_id"
        echo "KAFKA_SECURITY_PROTOCOL=sasl_ssl"
        echo "KAFKA_SASL_MECHANISM=SCRAM-SHA-512"
        echo "KAFKA_SASL_USERNAME=$name"
        echo "KAFKA_SASL_PASSWORD=$(password "$name")"
        echo "KAFKA_SSL_CA_LOCATION=$etc/ca.pem"
    } >"$etc/$name.env"
done
echo "Apache Kafka is ready: $host:$port"
echo "settings for server and workers: $etc/server.env and $etc/worker.env; for every machine: $etc/ca.pem"

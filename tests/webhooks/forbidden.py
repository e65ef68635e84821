"""Every way we know to name an address that is not public: URLs, and what name servers answer."""

# Refused by their form alone, before anybody is asked for an address.
MALFORMED = """
http://shop.example/hook
ftp://shop.example/hook
file:///etc/passwd
gopher://shop.example/
javascript:alert(1)
//shop.example/hook
https:shop.example/hook
https:///hook
https://
shop.example/hook
https://user@shop.example/hook
https://user:secret@shop.example/hook
https://shop.example@127.0.0.1/
https://127.0.0.1#@shop.example/
https://shop.example#fragment
https://shop.example\\@127.0.0.1/
https://shop.example/a\\b
https://shop.example/a b
https://shop.example/\tx
https://shop.example/é
https://shöp.example/
https://shop。example/
https://①②⑦.⓪.⓪.①/
https://127。0。0。1/
https://shop.example%2f@127.0.0.1/
https://%31%32%37.0.0.1/
https://shop..example/
https://.shop.example/
https://shop.example./
https://-shop.example/
https://shop-.example/
https://sh_op.example/
https://localhost/
https://LOCALHOST/
https://intranet/
https://metadata/
https://127.0.0.1/
https://127.1/
https://127.0.1/
https://127.0.0.1.:443/
https://127.000.000.001/
https://0177.0.0.1/
https://0x7f.0.0.1/
https://0x7f000001/
https://2130706433/
https://017700000001/
https://3232235777/
https://4294967295/
https://0/
https://0.0.0.0/
https://1.2.3/
https://1.2.3.4.5/
https://256.1.1.1/
https://shop.example.0x7f/
https://10.0.0.1/
https://172.16.0.1/
https://172.31.255.255/
https://192.168.1.1/
https://169.254.169.254/latest/meta-data/
https://100.64.0.1/
https://100.127.255.255/
https://192.0.0.1/
https://192.0.2.1/
https://192.88.99.1/
https://198.18.0.1/
https://198.51.100.1/
https://203.0.113.1/
https://224.0.0.1/
https://239.255.255.255/
https://240.0.0.1/
https://255.255.255.255/
https://[::1]/
https://[::]/
https://[0:0:0:0:0:0:0:1]/
https://[::ffff:127.0.0.1]/
https://[::ffff:7f00:1]/
https://[::ffff:93.184.216.34]/
https://[::127.0.0.1]/
https://[64:ff9b::7f00:1]/
https://[64:ff9b::169.254.169.254]/
https://[64:ff9b:1::1]/
https://[fe80::1]/
https://[fe80::1%25eth0]/
https://[fc00::1]/
https://[fd00:ec2::254]/
https://[fec0::1]/
https://[ff02::1]/
https://[2001::1]/
https://[2001:db8::1]/
https://[2002:7f00:1::]/
https://[3fff::1]/
https://[100::1]/
https://[4000::1]/
https://[:::1]/
https://[1]/
https://[v1.x]/
https://[::1/
https://shop.example:0/
https://shop.example:22/
https://shop.example:25/
https://shop.example:53/
https://shop.example:1023/
https://shop.example:2375/
https://shop.example:3306/
https://shop.example:5432/
https://shop.example:6379/
https://shop.example:9200/
https://shop.example:11211/
https://shop.example:27017/
https://shop.example:65536/
https://shop.example:99999/
https://shop.example:-1/
https://shop.example:443443/
https://shop.example:８４４３/
""".strip("\n").split("\n")

# Names that lead to such addresses: each list is what a name server answers.
PRIVATE_ANSWERS = [
    *(["127.0.0.1"], ["127.255.255.254"], ["0.0.0.0"], ["0.1.2.3"], ["10.1.2.3"], ["100.64.1.1"]),
    *(["169.254.169.254"], ["172.20.1.1"], ["192.168.0.1"], ["192.0.0.192"], ["198.19.255.255"]),
    *(["224.0.0.251"], ["255.255.255.255"], ["::1"], ["::"], ["::ffff:10.0.0.1"], ["fe80::1"]),
    *(["fe80::1%eth0"], ["fd00:ec2::254"], ["ff02::1"], ["64:ff9b::a00:1"], ["2002:a00:1::1"]),
    *(["2001:0:7f00:1::"], ["2001:db8::1"], ["not an address"], [""]),
    # One good address does not excuse a bad one, whichever comes first.
    ["93.184.216.34", "127.0.0.1"],
    ["127.0.0.1", "93.184.216.34"],
    ["2606:2800:220:1:248:1893:25c8:1946", "::1"],
]

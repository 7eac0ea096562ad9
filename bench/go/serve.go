// SPDX-License-Identifier: MIT

package main

import (
	"crypto/tls"
	"fmt"
	"net"
	"strconv"
)

const (
	serveBuffer    = 16384
	sinkBuffer     = 65536
	datagramBuffer = 2048
)

var servers = map[string]func(arguments []string){
	"tcp":  func(arguments []string) { acceptAll(listen("tcp4", local(arguments[0])), echo) },
	"unix": func(arguments []string) { acceptAll(listen("unix", arguments[0]), echo) },
	"sink": func(arguments []string) { acceptAll(listen("tcp4", local(arguments[0])), sink) },
	"tls":  serveTLS,
	"udp":  serveUDP,
}

func serve(arguments []string) {
	require(len(arguments) >= 2 && servers[arguments[0]] != nil, "usage: PROGRAM serve KIND ADDRESS ...")
	servers[arguments[0]](arguments[1:])
}

func local(port string) string { return "127.0.0.1:" + port }

func listen(network, address string) net.Listener {
	listener, err := net.Listen(network, address)
	require(err == nil, "cannot listen")
	return listener
}

// acceptAll starts a goroutine for each client. Go sets TCP_NODELAY by itself.
func acceptAll(listener net.Listener, serveClient func(net.Conn)) {
	fmt.Println("ready")
	for {
		client, err := listener.Accept()
		require(err == nil, "cannot accept")
		go serveClient(client)
	}
}

func echo(client net.Conn) {
	defer client.Close()
	buffer := make([]byte, serveBuffer)
	for {
		size, err := client.Read(buffer)
		if err != nil {
			return
		}
		if _, err = client.Write(buffer[:size]); err != nil {
			return
		}
	}
}

func sink(client net.Conn) {
	defer client.Close()
	buffer := make([]byte, sinkBuffer)
	for {
		if _, err := client.Read(buffer); err != nil {
			return
		}
	}
}

func serveTLS(arguments []string) {
	require(len(arguments) == 3, "serve tls PORT CERTIFICATE KEY")
	certificate, err := tls.LoadX509KeyPair(arguments[1], arguments[2])
	require(err == nil, "no certificate")
	config := &tls.Config{Certificates: []tls.Certificate{certificate}}
	acceptAll(tls.NewListener(listen("tcp4", local(arguments[0])), config), echo)
}

func serveUDP(arguments []string) {
	port, err := strconv.Atoi(arguments[0])
	require(err == nil, "no such port")
	socket, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
	require(err == nil, "cannot bind")
	fmt.Println("ready")
	buffer := make([]byte, datagramBuffer)
	for {
		size, from, err := socket.ReadFromUDPAddrPort(buffer)
		if err == nil {
			_, _ = socket.WriteToUDPAddrPort(buffer[:size], from) // what has no room is dropped
		}
	}
}
